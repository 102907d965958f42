package upkeep

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/durable"
	"github.com/duban-project/duban/services/internal/seed"
)

// Keys are what signs the logs.
type Keys struct {
	// Now has what signed them so far, as for Restore; "" for what lies with the data.
	Now string
	// Renewed names the file, or the folder with the secrets of the roles, that has what
	// signs them from here on; a file that is not there is made. "" for Now.
	Renewed string

	fresh seed.Seed // what the file will have that is not there yet
}

// made are the keys with what signs from here on, if it is named and not there. It is written
// once the logs are known to be of what it comes from.
func (k Keys) made(data string) (Keys, error) {
	if k.Renewed == "" {
		return k, nil
	}
	if _, err := os.Stat(k.Renewed); !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	was, err := seed.Read(cmp.Or(k.Now, seed.At(data)))
	if err != nil {
		return k, fmt.Errorf("making another key: %w", err)
	}
	k.fresh = was.Renewed()
	return k, nil
}

// write writes what made has made.
func (k Keys) write() error {
	if k.fresh == nil {
		return nil
	}
	return durable.WriteFile(k.Renewed, k.fresh)
}

// of are the secrets of a role: by which its log was signed, and is from here on.
func (k Keys) of(data, role string) (was, now seed.Role, err error) {
	of, err := handed(data, k.Now)
	if err != nil {
		return was, now, err
	}
	if was, err = of(role); err != nil || k.Renewed == "" {
		return was, was, err
	}
	if now, err = k.next(role); err != nil {
		return was, now, fmt.Errorf("%w: %s: %w", config.ErrWrong, k.Renewed, err)
	}
	switch {
	case !now.Keeps(was):
		err = fmt.Errorf("%w: %s is not the installation's key with another for its logs", config.ErrWrong, k.Renewed)
	case now.Signing().Equal(was.Signing()):
		err = fmt.Errorf("%w: %s has the key that signs the logs so far: it renews nothing", config.ErrWrong, k.Renewed)
	}
	return was, now, err
}

// next are the secrets of a role by which its log is signed from here on.
func (k Keys) next(role string) (seed.Role, error) {
	if k.fresh != nil {
		return k.fresh.Of(role), nil
	}
	of, _, err := hand(k.Renewed)
	if err != nil {
		return seed.Role{}, err
	}
	return of(role)
}

// keep lets what signs from here on lie with the data, if what did so far does.
func (k Keys) keep(data string) error {
	at := seed.At(data)
	if _, err := os.Stat(at); k.Renewed == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, all, err := hand(k.Renewed)
	if err != nil || all == nil {
		return err
	}
	return durable.WriteFile(at, all)
}

// handed is how the secrets of roles are read: from key or, if that is empty, with the
// seed that lies with the data.
func handed(data, key string) (of func(role string) (seed.Role, error), err error) {
	if key != "" {
		of, _, err = hand(key)
		return of, err
	}
	s, err := seed.Find(data)
	if err != nil {
		return nil, fmt.Errorf("%s does not hold the key of an installation: %w", data, err)
	}
	return func(role string) (seed.Role, error) { return s.Of(role), nil }, nil
}
