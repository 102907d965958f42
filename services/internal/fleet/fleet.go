// Package fleet runs an installation as processes of this program on one machine
// (多进程托管): it starts them, hears what they print, notices when one ends, and ends
// them all, also when it is itself killed. What each process does, it is told by
// its arguments; systemd and the like do the same for an installation that lasts.
package fleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Serving is the line by which a process tells the fleet that it serves.
const Serving = "serving"

// Leashed returns the context of a process of a fleet: it ends when standard input
// does, which is when the fleet ends or is killed.
func Leashed(ctx context.Context) context.Context {
	ctx, end := context.WithCancel(ctx)
	go func() {
		defer end()
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends
	}()
	return ctx
}

// Fleet is a group of processes.
type Fleet struct {
	program string
	env     []string
	log     io.Writer
	ships   []*Ship
	lost    chan error
}

// grace is how long a process may take to end before it is killed: more than the
// nine seconds that a suite takes at most.
const grace = 12 * time.Second

// New returns a fleet of the program at that path. What its processes write on
// standard error goes to log; env is added to their environment.
func New(program string, log io.Writer, env ...string) *Fleet {
	return &Fleet{program: program, env: env, log: log, lost: make(chan error, 1)}
}

// Ship is one process of a fleet. It MUST end when its standard input does.
type Ship struct {
	// Name tells it apart in errors.
	Name string
	// Printed are the lines that it prints, without their ends, and closed when it
	// has ended. More than a few that nobody takes are dropped.
	Printed <-chan string
	// Serving is closed when it prints Serving.
	Serving <-chan struct{}

	command *exec.Cmd
	leash   io.Closer
	ended   chan struct{}
	err     error // once it has ended
	asked   chan struct{}
}

// Start starts a process with the arguments.
func (f *Fleet) Start(name string, args ...string) (*Ship, error) {
	c := exec.Command(f.program, args...)
	c.Env, c.Stderr = append(os.Environ(), f.env...), f.log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the fleet's to hear
	leash, err := c.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	printed, serving := make(chan string, 16), make(chan struct{})
	s := &Ship{Name: name, Printed: printed, Serving: serving, command: c, leash: leash, ended: make(chan struct{}), asked: make(chan struct{})}
	f.ships = append(f.ships, s)
	go f.watch(s, hear(out, printed, serving))
	return s, nil
}

// hear returns what passes on the lines that are printed, to their end.
func hear(out io.Reader, printed chan<- string, serving chan<- struct{}) func() {
	return func() {
		defer close(printed)
		lines, once := bufio.NewScanner(out), sync.OnceFunc(func() { close(serving) })
		for lines.Scan() {
			if lines.Text() == Serving {
				once()
				continue
			}
			select {
			case printed <- lines.Text():
			default:
			}
		}
	}
}

// watch hears the process until it ends.
func (f *Fleet) watch(s *Ship, hear func()) {
	hear()
	s.err = s.command.Wait()
	close(s.ended)
	select {
	case <-s.asked:
		return
	default:
	}
	select {
	case f.lost <- fmt.Errorf("%s ended by itself: %v", s.Name, s.command.ProcessState):
	default: // one is enough
	}
}

// Lost tells of a process that ended without being asked to.
func (f *Fleet) Lost() <-chan error { return f.lost }

// Kill ends the process as a power cut would, and returns when it has ended.
func (s *Ship) Kill() error {
	close(s.asked)
	err := s.command.Process.Kill()
	<-s.ended
	return err
}

// Signal sends the process a signal. Lost tells if it ends of that.
func (s *Ship) Signal(sig os.Signal) error { return s.command.Process.Signal(sig) }

// Stop ends the processes that still run, the last started first, one after the
// other, and returns what went wrong with any.
func (f *Fleet) Stop() (err error) {
	for _, s := range slices.Backward(f.ships) {
		err = errors.Join(err, s.stop())
	}
	f.ships = nil
	return err
}

func (s *Ship) stop() error {
	select {
	case <-s.asked: // it was killed
		return nil
	case <-s.ended: // Lost has told of it
		return nil
	default:
	}
	close(s.asked)
	_ = s.leash.Close() // it may have ended this moment
	select {
	case <-s.ended:
	case <-time.After(grace):
		_ = s.command.Process.Kill() // as above
		<-s.ended
		return fmt.Errorf("%s did not end within %v", s.Name, grace)
	}
	if s.err != nil {
		return fmt.Errorf("%s: %w", s.Name, s.err)
	}
	return nil
}
