package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/suite"
)

// What a child is told through its environment.
const (
	envChild = "DUBAN_TEST_CHILD" // be duban
	envFsize = "DUBAN_TEST_FSIZE" // files may not grow beyond so many bytes
	envUser  = "DUBAN_TEST_USER"  // drop to this user first
	envSkew  = "DUBAN_TEST_SKEW"  // by how much the clock is wrong
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// TestMain makes the test binary duban itself when it is started as a child, so
// that what is killed here is the real command, without a build step.
func TestMain(m *testing.M) {
	if os.Getenv(envChild) == "" {
		os.Exit(m.Run())
	}
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "confining the child:", err)
		os.Exit(99)
	}
	if skew, err := time.ParseDuration(os.Getenv(envSkew)); err == nil {
		os.Exit(exit(skewed(skew)))
	}
	main()
}

// skewed is duban on a machine whose clock is wrong.
func skewed(by time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := flagsAlone(os.Args[1], os.Args[2:])
	if err != nil {
		return err
	}
	s.now = func() time.Time { return time.Now().Add(by) }
	return serving(ctx, s, os.Stdout)
}

// confine takes from the child what a test says that it must do without.
func confine() error {
	if err := mount(); err != nil {
		return err
	}
	if n, err := strconv.ParseUint(os.Getenv(envFsize), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // a write beyond then answers EFBIG
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return err
		}
	}
	if id, err := strconv.Atoi(os.Getenv(envUser)); err == nil {
		return errors.Join(syscall.Setgroups(nil), syscall.Setgid(id), syscall.Setuid(id))
	}
	return nil
}

// settings returns the configuration of an installation in folder.
func settings(folder string) suite.Config {
	c := suite.Default()
	c.Data, c.HTTP, c.GRPC, c.Metrics = folder, "127.0.0.1:0", "127.0.0.1:0", ""
	c.Reserve = 0
	return c
}

// child is a running duban.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	log    *tail         // standard error
	served chan struct{} // closed when it serves
	ended  chan struct{} // closed when it has ended
	http   string        // host:port, once it serves
	grpc   string
	keys   chan string // bootstrap keys that it printed
}

// launch starts duban on a simulation and does not wait for it. Whatever becomes
// of the test, the child ends with it.
func launch(t *testing.T, c suite.Config, env ...string) *child {
	t.Helper()
	file := filepath.Join(t.TempDir(), "duban.yaml")
	var text bytes.Buffer
	if err := config.Print(&text, &c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	reachable(t, filepath.Dir(file))
	d := &child{t: t, log: &tail{}, served: make(chan struct{}), ended: make(chan struct{}), keys: make(chan string, 8)}
	d.cmd = exec.Command(os.Args[0], "standalone", "-config", file, "-simulate", "2026-02-09T01:00:00Z")
	d.cmd.Env = append(os.Environ(), append(env, envChild+"=1")...)
	d.cmd.SysProcAttr = namespaces(env)
	d.start()
	t.Cleanup(d.kill)
	return d
}

// reachable lets every user into folder and those above it that the test made.
func reachable(t *testing.T, folder string) {
	t.Helper()
	for ; folder != filepath.Clean(os.TempDir()) && folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *child) start() {
	d.t.Helper()
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	logged, err := d.cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { d.each(out, d.key) })
	readers.Go(func() { d.each(logged, d.line) })
	go func() {
		readers.Wait()
		_ = d.cmd.Wait() // the test asks for the status
		close(d.ended)
	}()
}

// each takes the output line by line to its end.
func (d *child) each(r io.Reader, take func(line []byte)) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			take(line)
		}
		if err != nil {
			return
		}
	}
}

var bootstrapKey = regexp.MustCompile(`duban_bootstrap_[a-z0-9]+`)

func (d *child) key(line []byte) {
	if key := bootstrapKey.Find(line); key != nil {
		d.keys <- string(key)
	}
}

// printed returns the bootstrap keys that a child which has ended had printed.
func (d *child) printed() (keys []string) {
	<-d.ended
	for range len(d.keys) {
		keys = append(keys, <-d.keys)
	}
	return keys
}

// line looks for the addresses.
func (d *child) line(line []byte) {
	_, _ = d.log.Write(line)
	var said struct{ Msg, HTTP, GRPC string }
	if json.Unmarshal(line, &said) == nil && said.Msg == "serving" {
		d.http, d.grpc = said.HTTP, said.GRPC
		close(d.served)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	over := time.After(4 * patience)
	for !holds() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-over:
			t.Fatalf("never: %s", what)
		}
	}
}

// boot starts duban and waits until it serves.
func boot(t *testing.T, c suite.Config, env ...string) *child {
	t.Helper()
	d := launch(t, c, env...)
	select {
	case <-d.served:
	case <-d.ended:
		t.Fatalf("duban ended with status %d instead of serving:\n%s", d.status(), d.log)
	case <-time.After(4 * patience):
		d.signal(syscall.SIGQUIT) // it then tells where it is
		<-d.ended
		t.Fatalf("duban does not serve:\n%s", d.log)
	}
	return d
}

// kill ends the child as a power cut would end it, as far as a process can tell.
func (d *child) kill() {
	_ = d.cmd.Process.Kill() // it may have ended already
	<-d.ended
}

// term asks the child to stop.
func (d *child) term() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Errorf("signalling: %v", err)
	}
}

// stop asks the child to stop and checks that it does, cleanly.
func (d *child) stop() {
	d.t.Helper()
	d.term()
	d.ends(exitOK)
}

// ends checks that the child ends, with that status.
func (d *child) ends(status int) {
	d.t.Helper()
	select {
	case <-d.ended:
		if got := d.status(); got != status {
			d.t.Errorf("duban ended with status %d, want %d:\n%s", got, status, d.log)
		}
	case <-time.After(patience):
		d.kill()
		d.t.Errorf("duban did not end within %v:\n%s", patience, d.log)
	}
}

// status is the exit status of a child that has ended; -1 if it was killed.
func (d *child) status() int { return d.cmd.ProcessState.ExitCode() }

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const kept = 256 << 10

// Write implements io.Writer.
func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, b...)
	l.last = l.last[max(0, len(l.last)-kept):]
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last)
}

// files returns what the folder holds, by path.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	held := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() { // folders, and sockets of whom was killed
			return err
		}
		b, err := os.ReadFile(path)
		held[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return held
}
