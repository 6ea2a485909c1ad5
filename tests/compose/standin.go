// Package compose runs the whole store of compose/docker-compose.yaml on a Docker
// engine of its own, from make up-docker to make down-docker. No image can be
// pulled there, so those of the services are made from Debian's packages. It
// does not know what fnstore does with its settings.
package compose

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fnstore/tests/docker/engine"
)

// postgresEntry does what the entry point of the real image does here.
const postgresEntry = `#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	chown 999:999 "$PGDATA"; chmod 700 "$PGDATA"
	setpriv --reuid=999 --regid=999 --clear-groups /BIN/initdb -D "$PGDATA" -U postgres -A scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE" --locale=C -E UTF8
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec setpriv --reuid=999 --regid=999 --clear-groups /BIN/postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp
`

// standIns makes an image of each service, under the names of images.env.
func standIns(e *engine.Engine, dir string, images map[string]string) error {
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		return os.ErrNotExist
	}
	bin := strings.TrimPrefix(bins[len(bins)-1], "/")
	files := map[string]string{}
	for _, folder := range []string{"/" + filepath.Dir(bin), "/usr/share/postgresql/" + filepath.Base(filepath.Dir(bin)), "/usr/share/zoneinfo/Etc"} {
		err := filepath.WalkDir(folder, func(at string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasPrefix(filepath.Base(at), "llvm") && !strings.Contains(at, "/bitcode/") {
				files[at[1:]] = at
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"entry":  strings.ReplaceAll(postgresEntry, "BIN", bin),
		"passwd": "root:x:0:0::/root:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n",
	} {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text), 0o755); err != nil {
			return err
		}
	}
	files["entry"], files["etc/passwd"] = filepath.Join(dir, "entry"), filepath.Join(dir, "passwd")
	server := "/" + bin
	if err := e.Import(images["POSTGRES_IMAGE"], files, []string{"sh", "chown", "chmod", "setpriv", "locale", server + "/postgres", server + "/initdb", server + "/pg_isready"},
		"ENV PGDATA=/var/lib/postgresql/data PATH=/bin:"+server, `ENTRYPOINT ["/bin/sh", "/entry"]`); err != nil {
		return err
	}
	templates, err := filepath.Glob("/usr/share/prometheus/alertmanager/*.tmpl") // Debian has them in no program
	if err != nil {
		return err
	}
	files = map[string]string{}
	for _, at := range templates {
		files[at[1:]] = at
	}
	for image, names := range map[string][]string{"PROMETHEUS_IMAGE": {"prometheus", "promtool"}, "ALERTMANAGER_IMAGE": {"prometheus-alertmanager", "amtool"}} {
		if err := e.Import(images[image], files, names, "ENV PATH=/bin", `ENTRYPOINT ["/bin/`+names[0]+`"]`); err != nil {
			return err
		}
	}
	// redis-check-rdb is the server under another name: the first word says which it is.
	return e.Import(images["REDIS_IMAGE"], map[string]string{"bin/redis-server": "/usr/bin/redis-check-rdb"}, []string{"redis-check-rdb", "redis-cli"}, "ENV PATH=/bin", "VOLUME /data")
}
