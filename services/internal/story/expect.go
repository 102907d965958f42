package story

import (
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/internal/story/rest"
)

// refused says whether err is the refusal that the story is about: by its HTTP
// status and, if there is one to name, its reason.
func refused(what string, err error, status int, reason string) error {
	var r *rest.Refusal
	switch {
	case err == nil:
		return fmt.Errorf("%s: it was done, want %d %s", what, status, reason)
	case !errors.As(err, &r), r.Status != status, reason != "" && r.Reason != reason:
		return fmt.Errorf("%s: want %d %s: %w", what, status, reason, err)
	}
	return nil
}

// same says whether an answer is as it should be.
func same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}
