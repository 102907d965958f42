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
}

// make makes the file of what signs from here on, if it is named and not there.
func (k Keys) make(data string) error {
	if k.Renewed == "" {
		return nil
	}
	if _, err := os.Stat(k.Renewed); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	was, err := seed.Read(cmp.Or(k.Now, seed.At(data)))
	if err != nil {
		return fmt.Errorf("making another key: %w", err)
	}
	return durable.WriteFile(k.Renewed, was.Renewed())
}

// of are the secrets of a role: by which its log was signed, and is from here on.
func (k Keys) of(data, role string) (was, now seed.Role, err error) {
	of, err := handed(data, k.Now)
	if err != nil {
		return was, now, err
	}
	next := of
	if k.Renewed != "" {
		if next, _, err = hand(k.Renewed); err != nil {
			return was, now, err
		}
	}
	if was, err = of(role); err == nil {
		now, err = next(role)
	}
	if err == nil && !now.Keeps(was) {
		err = fmt.Errorf("%w: %s is not the installation's key with another for its logs", config.ErrWrong, k.Renewed)
	}
	return was, now, err
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
