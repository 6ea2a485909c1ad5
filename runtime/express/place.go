package express

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// edge asks for changes, not for states: a client that sends ahead is looked at
// when its call is over.
const edge = unix.EPOLLIN | unix.EPOLLRDHUP | 1<<31 // EPOLLET, which does not fit the package's type

// place is who has a descriptor now. Its turn is in every event of his: one that
// comes for who had the number before is nobody's.
type place struct {
	side side
	turn int32
}

// watch has the loop told of what happens on the descriptor.
func (l *Loop) watch(fd int, to side) error {
	l.turn++
	err := unix.EpollCtl(l.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: edge, Fd: int32(fd), Pad: l.turn})
	if err != nil {
		return err
	}
	for fd >= len(l.sides) {
		l.sides = append(l.sides, place{})
	}
	l.sides[fd] = place{to, l.turn}
	return nil
}

// again has the loop told once more of what there is to read.
func (l *Loop) again(fd int) {
	_ = unix.EpollCtl(l.ep, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: edge, Fd: int32(fd), Pad: l.sides[fd].turn})
}

func (l *Loop) at(fd int, turn int32) side {
	if fd < len(l.sides) && l.sides[fd].turn == turn {
		return l.sides[fd].side
	}
	return nil
}

// forget is the end of watch; the descriptor goes elsewhere.
func (l *Loop) forget(fd int) {
	l.sides[fd] = place{}
	_ = unix.EpollCtl(l.ep, unix.EPOLL_CTL_DEL, fd, nil)
}

// shut closes the descriptor. Its number must not be another's while events of
// its own may be among those at hand.
func (l *Loop) shut(fd int) {
	l.sides[fd] = place{}
	l.dead = append(l.dead, fd)
}

func (l *Loop) bury() {
	for _, fd := range l.dead {
		_ = syscall.Close(fd)
	}
	l.dead = l.dead[:0]
}
