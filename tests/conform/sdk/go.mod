// The clients that judge the store here are nobody else's to carry: this is a
// module of its own, so that the store's go.mod does not grow by them.
module fnstore/tests/conform/sdk

go 1.26.0

require (
	fnstore v0.0.0
	github.com/openfaas/connector-sdk v0.6.7
	github.com/openfaas/faas-provider v0.25.4
	github.com/openfaas/go-sdk v0.2.14
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	github.com/redis/go-redis/v9 v9.23.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace fnstore => ../../..
