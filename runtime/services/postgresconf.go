package services

import "fmt"

// postgresConf is included after the file that initdb wrote, which holds what
// initdb found out about the machine. First verb: that file, second: the port,
// third: the log folder.
const postgresConf = `# Written at every start.
include '%s'
cluster_name = 'fnstore'
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''        # paths of sockets end at 107 bytes, and one door is enough
ssl = off
password_encryption = 'scram-sha-256'

# What was committed stays, whatever happens to the machine.
fsync = on
full_page_writes = on
synchronous_commit = on

# A small machine that mostly waits.
max_connections = 100
shared_buffers = '64MB'
work_mem = '4MB'
maintenance_work_mem = '64MB'
max_wal_size = '512MB'
checkpoint_timeout = '10min'
jit = off                           # compiling costs a queue's short statements up to 80 times their run
max_parallel_workers_per_gather = 0

# Rows of a queue live for milliseconds: clean up early and do not dawdle.
autovacuum_naptime = '15s'
autovacuum_vacuum_scale_factor = 0.02
autovacuum_vacuum_insert_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.02
autovacuum_vacuum_cost_delay = 0

# One file per weekday, written over a week later.
logging_collector = on
log_destination = 'stderr'
log_directory = '%s'
log_filename = 'postgres-%%a.log'
log_file_mode = 0600
log_rotation_age = '1d'
log_rotation_size = 0
log_truncate_on_rotation = on
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%%m [%%p] %%q%%u@%%d '
log_checkpoints = off
# Statements and row values can hold secrets, so errors are logged without them.
log_statement = 'none'
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
`

const postgresAccess = `# Written at every start.
host all all 127.0.0.1/32 scram-sha-256
`

// configurePostgres writes files that hold no secret and that the server's user
// may read but not change.
func (r dataDir) configurePostgres(port int) error {
	conf := fmt.Sprintf(postgresConf, quoted(r.path("data/postgresql.conf")), port, quoted(r.path("log")))
	if err := r.write("postgresql.conf", conf, 0o644); err != nil {
		return err
	}
	return r.write("pg_hba.conf", postgresAccess, 0o644)
}
