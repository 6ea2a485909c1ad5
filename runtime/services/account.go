package services

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user a service runs as.
type account struct {
	name     string
	uid, gid uint32
}

// pick decides who runs the service: as root the owner of the data that is
// there, else the first of names that the machine knows; otherwise the caller.
func pick(data string, names ...string) (account, error) {
	if os.Geteuid() != 0 {
		return byID(uint32(os.Geteuid()), uint32(os.Getegid())), nil
	}
	if info, err := os.Lstat(data); err == nil {
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			return byID(st.Uid, st.Gid), nil
		}
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name, uint32(uid), uint32(gid)}, nil
		}
	}
	return account{}, fmt.Errorf("none of the users %q exists to run the service as", names)
}

func byID(uid, gid uint32) account {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return account{u.Username, uid, gid}
	}
	return account{"uid " + id, uid, gid}
}

// foreign is true when the account is not the caller's.
func (a account) foreign() bool { return a.uid != uint32(os.Geteuid()) }

// attributes make a child of this account in a session of its own. A foreign
// account gets its primary group and no other.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a.foreign() {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// reach returns an *UnreachableError when the account may not enter dir or a
// directory above it, by their modes. Groups beyond the primary one do not count:
// the service will not have them.
func (a account) reach(dir string) error {
	var closed string
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("find the way to %s: %w", dir, err)
		}
		if !a.enters(info) {
			closed = at // the outermost is what a person must change first
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if closed != "" {
		return &UnreachableError{Dir: closed, User: a.name}
	}
	return nil
}

func (a account) enters(info fs.FileInfo) bool {
	st := info.Sys().(*syscall.Stat_t)
	switch {
	case a.uid == 0:
		return true
	case st.Uid == a.uid:
		return info.Mode()&0o100 != 0
	case st.Gid == a.gid:
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}
