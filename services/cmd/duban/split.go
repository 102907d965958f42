package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/story"
	"github.com/duban-project/duban/services/internal/suite"
)

// split tells the demonstration's story to an installation of one process for
// each role.
func split(ctx context.Context, args []string, out io.Writer) error {
	d, err := demoFlags("split", args)
	if err != nil {
		return err
	}
	return errors.Join(d.playSplit(ctx, out), d.remove())
}

// playSplit runs the processes while the story is told and, unless once, until
// the end; then it checks what they have left.
func (d demonstration) playSplit(ctx context.Context, out io.Writer) (err error) {
	h, err := harbour(d.folder, free(suite.Default().HTTP), "")
	if err != nil {
		return err
	}
	f := &fleet.Fleet{Program: h.program, Env: h.env, Log: os.Stderr, Grace: suite.Default().Grace + 2*time.Second}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	key, _, err := h.launch(ctx, f, "-simulate", story.Start.Format(time.RFC3339))
	if err != nil {
		return errors.Join(err, f.Stop())
	}
	go func() {
		select {
		case err := <-f.Lost():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err = d.tellSplit(ctx, h.base, key, out)
	if err = errors.Join(err, f.Stop()); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return h.check(context.WithoutCancel(ctx), out)
}

// tellSplit tells the story and, unless once, waits for the end.
func (d demonstration) tellSplit(ctx context.Context, base, key string, out io.Writer) error {
	tale, picture, err := tell(ctx, base, key, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "以上由 %d 个进程完成：每个服务一个进程，各有数据与密钥，之间以双向 TLS 相连。\n", len(suite.Roles()))
	if d.once {
		return nil
	}
	if err := further(out, base, tale, picture); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// port is where an installation of several processes lies on this machine.
type port struct {
	program string
	env     []string
	folder  string
	base    string // http://127.0.0.1:port
	files   map[string]string
}

// harbour prepares such an installation in folder: keys, and a data folder and a
// configuration for each role. Clients call at web over REST and at rpc over gRPC;
// empty for nowhere.
func harbour(folder, web, rpc string) (*port, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(folder, "keys")
	if err := suite.Equip(keys, suite.Default().Installation, time.Now(), suite.Roles()...); err != nil {
		return nil, err
	}
	h := &port{program: program, folder: folder, base: "http://" + web, files: map[string]string{}}
	addresses, err := vacant(suite.Roles()[:len(suite.Roles())-1]...)
	if err != nil {
		return nil, err
	}
	for _, role := range suite.Roles() {
		c := suite.Default()
		c.Data, c.HTTP, c.GRPC, c.Metrics = filepath.Join(folder, role), web, rpc, ""
		c.Telemetry.LogLevel = "error"
		c.Peers = suite.Peers{Listen: addresses[role], Keys: keys, Addresses: addresses}
		if h.files[role], err = h.write(role, c); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *port) write(role string, c suite.Config) (string, error) {
	var text bytes.Buffer
	if err := config.Print(&text, &c); err != nil {
		return "", err
	}
	path := filepath.Join(h.folder, role+".yaml")
	return path, durable.WriteFile(path, text.Bytes())
}

// vacant returns an address of this machine for each role, on ports that nobody
// has.
func vacant(roles ...string) (map[string]string, error) {
	addresses := map[string]string{}
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close() // it was never used
		}
	}()
	for _, role := range roles {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a port: %w", err)
		}
		held = append(held, l)
		addresses[role] = l.Addr().String()
	}
	return addresses, nil
}

// start starts one role.
func (h *port) start(f *fleet.Fleet, role string, args ...string) (*fleet.Ship, error) {
	return f.Start(role, append(append([]string{"serve", "-leash", "-config", h.files[role]}, args...), role)...)
}

// launch starts all roles, and returns them and the bootstrap key once all serve.
func (h *port) launch(ctx context.Context, f *fleet.Fleet, args ...string) (key string, ships map[string]*fleet.Ship, err error) {
	ships = map[string]*fleet.Ship{}
	for _, role := range suite.Roles() {
		if ships[role], err = h.start(f, role, args...); err != nil {
			return "", nil, err
		}
	}
	if err := h.ready(ctx, f); err != nil {
		return "", nil, err
	}
	select {
	case line := <-ships["organization"].Printed:
		return strings.TrimPrefix(line, bootstrapLine), ships, nil
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
}

// patient is how long processes may take to serve.
const patient = time.Minute

// ready returns when the gateway finds every role serving.
func (h *port) ready(ctx context.Context, f *fleet.Fleet) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	for {
		select {
		case err := <-f.Lost():
			return err
		default:
		}
		if h.answers(ctx) {
			return nil
		}
		if err := feed.Pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for all roles to serve: %w", err)
		}
	}
}

func (h *port) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// check holds what the processes have left on disk against itself.
func (h *port) check(ctx context.Context, out io.Writer) error {
	c := suite.Default()
	c.Data = h.folder
	wrong := 0
	if _, err := suite.Fsck(ctx, c, func(_ string, r fsck.Report) { wrong += int(r.Wrong) }); err != nil {
		return fmt.Errorf("checking the stores: %w", err)
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %d entries are wrong", errWrong, wrong)
	}
	if err := suite.Recount(ctx, c); err != nil {
		return fmt.Errorf("the recount: %w", err)
	}
	_, err := fmt.Fprintln(out, "复算：各进程的数据由日志从头核对，全部汇总数字与重算一致。")
	return err
}
