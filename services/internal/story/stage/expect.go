package stage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/duban-project/duban/services/internal/story/rest"
)

// Refused says whether err is the refusal that the story is about: by its HTTP
// status and, if there is one to name, its reason.
func Refused(what string, err error, status int, reason string) error {
	var r *rest.Refusal
	switch {
	case err == nil:
		return fmt.Errorf("%s: it was done, want %d %s", what, status, reason)
	case !errors.As(err, &r), r.Status != status, reason != "" && r.Reason != reason:
		return fmt.Errorf("%s: want %d %s: %w", what, status, reason, err)
	}
	return nil
}

// Same says whether an answer is as it should be.
func Same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// Query joins parameters behind a path.
func Query(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + v.Encode()
}

// How often, and how long each time, the story waits for what follows a moment
// later.
const (
	patience = 1200
	blink    = 50 * time.Millisecond
)

// Await tries until nothing is awaited still, or an error comes. If that takes too long,
// it answers what is.
func Await(ctx context.Context, try func() (still, err error)) error {
	for n := 1; ; n++ {
		still, err := try()
		if err != nil || still == nil {
			return err
		}
		if n == patience {
			return still
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(blink):
		}
	}
}
