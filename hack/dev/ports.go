package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// wish is the port that a program should have.
type wish struct {
	variable string // where a port can be given
	given    int    // that one or none; zero when nothing is given
	first    int    // otherwise the first free one from here
}

// reservation is a port that we keep others from until its program starts.
type reservation struct {
	port     int
	listener net.Listener
}

type reservations []reservation

func (all reservations) release() {
	for _, r := range all {
		if r.listener != nil {
			_ = r.listener.Close() // nothing was accepted, and twice is no harm
		}
	}
}

// reserve takes a port for each wish, the given ones first.
func reserve(host string, wishes []wish) (_ reservations, err error) {
	all := make(reservations, len(wishes))
	defer func() {
		if err != nil {
			all.release()
		}
	}()
	for i, w := range wishes {
		if w.given == 0 {
			continue
		}
		if all[i], err = take(host, w.given); err != nil {
			return nil, fmt.Errorf("%s=%d cannot be had: %w", w.variable, w.given, err)
		}
	}
	for i, w := range wishes {
		if w.given != 0 {
			continue
		}
		const tries = 200
		for port := w.first; ; port++ {
			if all[i], err = take(host, port); err == nil {
				break
			}
			if !errors.Is(err, syscall.EADDRINUSE) || port == w.first+tries {
				return nil, fmt.Errorf("find a port (or set %s): %w", w.variable, err)
			}
		}
	}
	return all, nil
}

// take reserves a port of host. One that answers on this machine by another
// address is taken as well: it is what a browser may reach as localhost.
func take(host string, port int) (reservation, error) {
	number := strconv.Itoa(port)
	for _, local := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(local, number), time.Second)
		if err == nil {
			_ = conn.Close()
			return reservation{}, fmt.Errorf("something answers there: %w", syscall.EADDRINUSE)
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, number))
	if err != nil {
		return reservation{}, err
	}
	return reservation{port, listener}, nil
}
