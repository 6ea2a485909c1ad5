package secret_test

import (
	"fmt"
	"os"
	"path/filepath"

	"fnstore/kit/secret"
)

// A secret is a file; the white space around it is no part of it.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "secrets-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "api-key"), []byte("s3cr3t\n"), 0o600); err != nil {
		panic(err)
	}
	old, was := os.LookupEnv("secret_mount_path")
	os.Setenv("secret_mount_path", dir)
	defer func() {
		os.Unsetenv("secret_mount_path")
		if was {
			os.Setenv("secret_mount_path", old)
		}
	}()
	fmt.Println(secret.Read("api-key"))
	// Output: s3cr3t <nil>
}

func ExampleValidName() {
	fmt.Println(secret.ValidName("api-key"), secret.ValidName("../api-key"))
	// Output: true false
}
