package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// Installation is one of a process for each role, which the fleet's program runs
// when it is told: serve -leash -config FILE ROLE.
type Installation struct {
	*Fleet
	// Base is where REST is served, such as http://127.0.0.1:8080.
	Base string

	name   string // by which it signs
	folder string
	ships  map[string]*Ship
}

// Lay prepares an installation in a new folder: keys, and a data folder and a
// configuration for each role, on ports that nobody has. c says where clients call
// and all else that is the same for all roles.
func Lay(f *Fleet, folder string, c suite.Config, now time.Time) (*Installation, error) {
	c.Data, c.Peers.Keys = folder, filepath.Join(folder, seed.KeysFolder)
	if err := upkeep.Equip(c.Peers.Keys, c.Installation, now, suite.Roles()...); err != nil {
		return nil, err
	}
	var err error
	if c.Peers.Addresses, err = Vacant(suite.Called()...); err != nil {
		return nil, err
	}
	i := &Installation{Fleet: f, Base: "http://" + c.HTTP, name: c.Installation, folder: folder, ships: map[string]*Ship{}}
	for _, role := range suite.Roles() {
		if err := write(i.Config(role), c, role); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// write writes the configuration of a role.
func write(path string, c suite.Config, role string) error {
	c.Data, c.Peers.Listen = filepath.Join(c.Data, role), c.Peers.Addresses[role]
	var text bytes.Buffer
	if err := config.Print(&text, &c); err != nil {
		return err
	}
	return durable.WriteFile(path, text.Bytes())
}

// Vacant returns an address of this machine for each name, on ports that nobody
// has, and that nobody else is told by Vacant, in this process or another, as long as
// this one lives. They MUST be few: each keeps a socket.
func Vacant(names ...string) (map[string]string, error) {
	addresses := map[string]string{}
	for _, name := range names {
		port, err := vacant()
		if err != nil {
			return nil, fmt.Errorf("looking for a port: %w", err)
		}
		addresses[name] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	return addresses, nil
}

// Where ports are looked for, and how often: below those that Linux gives to whoever
// asks for any, of whom one may come before the process that is to listen there, or
// while it is started again.
const (
	lowest, ports = 20_000, 12_000
	looks         = 100
)

func vacant() (port int, err error) {
	for range looks {
		port = lowest + rand.IntN(ports)
		if err = claim(port); err != nil {
			continue
		}
		l, taken := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err = taken; err == nil {
			return port, l.Close() // it is for another process
		}
	}
	return 0, err
}

// claim keeps UDP's port of that number, which is nobody's business, until the process
// ends: so whoever asks for one knows that the number is taken before anybody listens.
func claim(port int) error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	syscall.CloseOnExec(socket)
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return errors.Join(err, syscall.Close(socket))
	}
	return nil
}

// Launch starts all roles with the arguments beside their own, and returns the
// bootstrap key of a new installation once all serve.
func (i *Installation) Launch(ctx context.Context, args ...string) (key string, err error) {
	for _, role := range suite.Roles() {
		if err := i.Begin(role, args...); err != nil {
			return "", err
		}
	}
	if err := i.Ready(ctx); err != nil {
		return "", err
	}
	select {
	case line := <-i.Ship("organization").Printed:
		return strings.TrimPrefix(line, suite.BootstrapLine), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Begin starts a role that does not run.
func (i *Installation) Begin(role string, args ...string) (err error) {
	i.ships[role], err = i.Start(role, append(append([]string{"serve", "-leash", "-config", i.Config(role)}, args...), role)...)
	return err
}

// Config is the file that has the configuration of a role.
func (i *Installation) Config(role string) string { return filepath.Join(i.folder, role+".yaml") }

// Ship is the process of a role.
func (i *Installation) Ship(role string) *Ship { return i.ships[role] }

const (
	patience = time.Minute           // for processes that are to serve
	often    = 20 * time.Millisecond // between questions whether they do
)

// Ready returns when the gateway finds every role serving.
func (i *Installation) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !i.answers(ctx) {
		select {
		case err := <-i.Lost():
			return err
		default:
		}
		if err := feed.Pause(ctx, often); err != nil {
			return fmt.Errorf("waiting for all roles to serve: %w", err)
		}
	}
	return nil
}

func (i *Installation) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.Base+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// ErrWrong says that what is stored is not what the feeds say.
var ErrWrong = errors.New("stores and feeds disagree")

// Check holds what the processes, which have ended, left on disk against itself:
// every store against its feed, and every figure against a recount.
func (i *Installation) Check(ctx context.Context) error {
	c := suite.Default()
	c.Data, c.Installation = i.folder, i.name
	var wrong uint64
	if _, err := upkeep.Fsck(ctx, c, func(_ string, r fsck.Report) { wrong += r.Wrong }); err != nil {
		return fmt.Errorf("checking the stores: %w", err)
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %d entries", ErrWrong, wrong)
	}
	if err := upkeep.Recount(ctx, c); err != nil {
		return fmt.Errorf("the recount: %w", err)
	}
	return nil
}
