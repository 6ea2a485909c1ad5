package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// sockets are the listeners of seats, in the folder.
func sockets(dir string) *ahead[*net.UnixListener] {
	made := 0 // ever: names are not used twice
	return &ahead[*net.UnixListener]{fresh: func() (*net.UnixListener, error) {
		made++
		path := filepath.Join(dir, fmt.Sprint(made, ".sock"))
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) { // of a store that was killed
			return nil, err
		}
		return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	}}
}
