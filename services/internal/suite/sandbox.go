package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/duban-project/duban/services/internal/address"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Sandbox is where an installation for trying things out runs (沙箱).
type Sandbox struct {
	// Data is its folder, which MUST NOT be another installation's.
	Data string `yaml:"data"`
	// HTTP is where its REST listens.
	HTTP string `yaml:"http"`
	// GRPC is where its gRPC listens; empty: nowhere.
	GRPC string `yaml:"grpc"`
	// Webhooks says where its events may be sent, whatever its owner allows.
	Webhooks Webhooks `yaml:"webhooks"`
}

// check is told the folder of the installation that the sandbox is beside, if it is.
func (s Sandbox) check(owner string) error {
	mistakes := []error{s.Webhooks.check()}
	if s.Data == "" {
		mistakes = append(mistakes, errors.New("sandbox.data: must name a folder"))
	} else if owner != "" && (within(owner, s.Data) || within(s.Data, owner)) {
		mistakes = append(mistakes, errors.New("sandbox.data: must be a folder of its own, not that of data, one in it, or one that it is in"))
	}
	for key, at := range map[string]string{"http": s.HTTP, "grpc": s.GRPC} {
		if !address.Listens(at) {
			mistakes = append(mistakes, fmt.Errorf("sandbox.%s: must be host:port", key))
		}
	}
	return errors.Join(mistakes...)
}

// within says whether the inner folder is the outer or beneath it, as they are written:
// links are not followed, for neither folder need be there.
func within(outer, inner string) bool {
	outer, wrong := filepath.Abs(outer)
	inner, none := filepath.Abs(inner)
	rel, apart := filepath.Rel(outer, inner)
	return errors.Join(wrong, none, apart) == nil && filepath.IsLocal(rel)
}

// AsSandbox is the configuration of the sandbox beside c. It takes over how c
// serves and limits, and nothing by which c is bound to anybody: no issuers, no
// other processes, no other installations. So nothing counts upward from it.
func (c *Config) AsSandbox() Config {
	s := Default()
	s.Data, s.HTTP, s.GRPC, s.Metrics = c.Sandbox.Data, c.Sandbox.HTTP, c.Sandbox.GRPC, ""
	s.Sandbox.HTTP, s.Sandbox.GRPC = "", "" // there is none beside it
	s.Installation = "sandbox/duban"
	s.Reserve, s.Grace, s.Limits = c.Reserve, c.Grace, c.Limits
	s.AllowedOrigins, s.TrustedProxies = c.AllowedOrigins, c.TrustedProxies
	s.Telemetry.LogLevel, s.Webhooks = c.Telemetry.LogLevel, c.Sandbox.Webhooks
	s.beside = c.listening() // its webhooks call nobody there either
	return s
}

// sandboxMark is the file in the data folder that makes it a sandbox.
const sandboxMark = "sandbox"

// openSandbox says whether the folder is a sandbox's: it is marked, or wanted and
// holds no installation yet.
func openSandbox(folder string, wanted bool) (bool, error) {
	mark := filepath.Join(folder, sandboxMark)
	_, err := os.Stat(mark)
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("looking for the mark of a sandbox: %w", err)
	case !wanted:
		return false, nil
	}
	if stores, _ := filepath.Glob(filepath.Join(folder, "*.db")); len(stores) > 0 {
		return false, errors.New("the data folder holds an installation: it cannot become a sandbox")
	}
	return true, durable.WriteFile(mark, []byte("duban sandbox\n"))
}

// ResetSandbox removes the data of a sandbox that does not run, and of nothing
// else. There may be none.
func ResetSandbox(c Config) error {
	if left, err := os.ReadDir(c.Data); errors.Is(err, fs.ErrNotExist) || err == nil && len(left) == 0 {
		return nil
	}
	if marked, err := openSandbox(c.Data, false); err != nil || !marked {
		return errors.Join(err, fmt.Errorf("%s is not a sandbox: nothing is removed", c.Data))
	}
	engine, err := bolt.Inspect(filepath.Join(c.Data, "organization.db")) // one that runs holds it
	switch {
	case err == nil:
		err = engine.Close()
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("the sandbox runs, or cannot be read: %w", err)
	}
	return os.RemoveAll(c.Data)
}

// form is that of the installation's keys.
func (s *Suite) form() authn.Form {
	if s.sandbox {
		return authn.Sandbox
	}
	return authn.Real
}
