package carry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	formats "github.com/transparency-dev/formats/log"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/durable"
)

// maxFiles is how many files one export makes.
const maxFiles = 9999

// Holding is what a file has of a log: entries from Start to before End.
type Holding struct {
	Origin     string
	Start, End uint64
}

// Out is an order for files.
type Out struct {
	Process   *http.Client    // asks the installation
	Identity  bundle.Identity // opens its receipts
	Recipient string          // for whom the files are sealed: the installation above
	Folder    string          // where files go; it is made if it is missing
	Name      string          // with which their names begin
	Receipt   io.Reader       // of the installation above; nil: it has nothing yet
	Max       int             // bytes of entries in a file
	Made      func(path string, has []Holding)
}

// Write makes as many files as what is new by now takes, none if nothing is. A
// file appears under its name only when it is whole; one that is there already is
// not replaced.
func (o Out) Write(ctx context.Context) error {
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return fmt.Errorf("making the folder for bundles: %w", err)
	}
	var answers []*federationv1.ReplicateResponse
	if o.Receipt != nil {
		var err error
		if answers, err = ReadReceipt(o.Receipt, o.Identity); err != nil {
			return fmt.Errorf("the receipt: %w", err)
		}
	}
	until := map[string]uint64{}
	for n := range maxFiles {
		path := filepath.Join(o.Folder, fmt.Sprintf("%s-%04d.bundle", o.Name, n+1))
		c, err := o.file(ctx, path, answers)
		if err != nil || len(c.has) == 0 {
			return err
		}
		o.Made(path, c.has)
		if n == 0 {
			until = c.heads
		}
		for _, h := range c.has {
			answers = append(answers, ack(h.Origin, h.End))
			if h.End >= until[h.Origin] {
				delete(until, h.Origin)
			}
		}
		if len(until) == 0 {
			return nil
		}
	}
	return fmt.Errorf("there is more than %d files take: import these and export after their receipt", maxFiles)
}

func ack(origin string, size uint64) *federationv1.ReplicateResponse {
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Ack{Ack: &federationv1.Ack{Origin: origin, Size: size}}}
}

// file asks for one bundle and writes it, unless it has no entries.
func (o Out) file(ctx context.Context, path string, answers []*federationv1.ReplicateResponse) (c contents, err error) {
	if _, err := os.Lstat(path); err == nil {
		return c, fmt.Errorf("%s is there already", path)
	}
	var asked bytes.Buffer
	if err := writeReceipt(&asked, answers); err != nil {
		return c, err
	}
	res, err := ask(ctx, o.Process, fmt.Sprintf("%s?max=%d", exportPage, o.Max), &asked)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	f, err := os.CreateTemp(o.Folder, ".unfinished-*")
	if err != nil {
		return c, err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has its name by then, or is not wanted
	c, err = o.seal(f, res.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil || len(c.has) == 0 {
		return c, err
	}
	return c, errors.Join(os.Rename(f.Name(), path), durable.Sync(o.Folder))
}

// seal writes a bundle sealed, and says what it has.
func (o Out) seal(w io.Writer, plain io.Reader) (contents, error) {
	out, err := bundle.Seal(w, bundle.Bundle, o.Recipient)
	if err != nil {
		return contents{}, err
	}
	c, err := look(io.TeeReader(plain, out))
	if err != nil {
		return c, err // what has no end is seen to be broken
	}
	return c, out.Close()
}

// ask posts to the process and returns its answer.
func ask(ctx context.Context, process *http.Client, page string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://duban"+page, body)
	if err != nil {
		return nil, err
	}
	res, err := process.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the process, which must run: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	err = errors.Join(errors.New(strings.TrimSpace(string(text))), err, res.Body.Close())
	switch res.StatusCode {
	case http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	case http.StatusNotFound:
		return nil, errors.New("the process does not run the role federation")
	default:
		return nil, err
	}
}

// ErrRefused says that what a file holds is not believed.
var ErrRefused = errors.New("the file is refused")

// contents are what a bundle says that it has.
type contents struct {
	of    string            // installations/…
	heads map[string]uint64 // of all logs, by origin
	has   []Holding
}

// look reads a bundle to its end.
func look(r io.Reader) (c contents, err error) {
	c.heads = map[string]uint64{}
	err = bundle.Each(r, bundle.Bundle, func(m *federationv1.ReplicateRequest) error {
		if h := m.GetHello(); h != nil {
			c.of = h.GetInstallation()
		}
		if p := m.GetProve(); p != nil {
			var cp formats.Checkpoint
			if _, err := cp.Unmarshal([]byte(p.GetNote())); err != nil {
				return fmt.Errorf("%w: a checkpoint that is none", bundle.ErrDamaged)
			}
			c.heads[p.GetOrigin()] = cp.Size
		}
		if a := m.GetAppend(); len(a.GetRecords()) > 0 {
			c.add(a)
		}
		return nil
	})
	return c, err
}

func (c *contents) add(a *federationv1.Append) {
	start, end := a.GetRecords()[0].GetSeq(), a.GetRecords()[len(a.GetRecords())-1].GetSeq()+1
	if last := len(c.has) - 1; last >= 0 && c.has[last].Origin == a.GetOrigin() {
		c.has[last].End = end
		return
	}
	c.has = append(c.has, Holding{a.GetOrigin(), start, end})
}
