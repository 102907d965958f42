package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// SocketFile is where a process listens in its data folder.
const SocketFile = "backup.sock"

// Listen opens the socket in folder, for the folder's owner alone. One that a
// killed process left is replaced: the caller MUST hold the folder's stores.
func Listen(folder string) (net.Listener, error) {
	at, end, err := short(folder)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replacing the socket for backups: %w", err)
	}
	l, err := net.Listen("unix", at)
	if err != nil {
		return nil, fmt.Errorf("opening the socket for backups: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // its short name may be another's by then
	if err := os.Chmod(at, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// longest is how many bytes the name of a socket may have.
const longest = 100

// short names the socket so that the system takes the name: by way of the open
// folder if its own is too long, which works on Linux alone.
func short(folder string) (at string, end func(), err error) {
	at = filepath.Join(folder, SocketFile)
	if len(at) <= longest {
		return at, func() {}, nil
	}
	f, err := os.Open(folder)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), SocketFile), func() { _ = f.Close() }, nil
}

// peer is the running process, as a backup sees it.
type peer struct {
	client *http.Client
}

// reach returns the process whose data are in folder.
func reach(folder string) peer { return peer{Client(folder)} }

// Client asks the running process whose data are in folder, whatever host a URL
// names. It waits as long as its caller does.
func Client(folder string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		at, end, err := short(folder)
		if err != nil {
			return nil, err
		}
		defer end()
		return new(net.Dialer).DialContext(ctx, "unix", at)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true, DisableKeepAlives: true}}
}

// get asks for a page, which the caller MUST close.
func (p peer) get(ctx context.Context, page string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://duban"+page, nil)
	if err != nil {
		return nil, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	return nil, errors.Join(fmt.Errorf("the process answered %s: %s", res.Status, strings.TrimSpace(string(text))), err, res.Body.Close())
}

func (p peer) about(ctx context.Context) (a About, err error) {
	res, err := p.get(ctx, "/about")
	if err != nil {
		return a, err
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&a)
	return a, errors.Join(err, res.Body.Close())
}
