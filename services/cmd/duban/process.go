package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/duban-project/duban/services/internal/story"
)

// process is a `duban standalone` that this command has started and owns.
type process struct {
	cmd       *exec.Cmd
	bootstrap string // the key that it has shown, if it is new
}

// How long a process may take to serve, and to stop.
const (
	startPatience = 30 * time.Second
	stopPatience  = 20 * time.Second
)

// start starts the installation of a place and returns when it serves.
func (p *place) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"standalone", "-config", p.file, "-simulate", story.Start.Format(time.RFC3339)}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.running = &process{cmd: cmd}
	shown := make(chan string, 1)
	go func() { shown <- bootstrapIn(out) }()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if p.Begun() {
		return ready(ctx, p.config.HTTP)
	}
	select {
	case p.running.bootstrap = <-shown:
	case <-ctx.Done():
		return fmt.Errorf("%s has shown no bootstrap key: %w", p.ID(), ctx.Err())
	}
	return ready(ctx, p.config.HTTP)
}

// bootstrapIn reads what a process prints until it shows the key, and lets the
// rest go.
func bootstrapIn(out io.Reader) string {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, key, ok := strings.Cut(lines.Text(), "(shown this once): "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return key
		}
	}
	return ""
}

// ready returns when somebody answers at the address.
func ready(ctx context.Context, address string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/docs/", nil)
		if err != nil {
			return err
		}
		if w, err := http.DefaultClient.Do(r); err == nil {
			return w.Body.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", address, ctx.Err())
		}
	}
}

// stop asks the process to end, and ends it if it does not.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping a process: %w", err)
	}
	late := time.AfterFunc(stopPatience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	return p.cmd.Wait()
}
