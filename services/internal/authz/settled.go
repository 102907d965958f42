package authz

import (
	"context"
	"errors"
)

// Settled runs decide, and once more if it refused on a tree that turned out to
// be behind: whoever was granted a right, or saw a unit created, may rely on it
// at once.
func Settled(ctx context.Context, tree Tree, decide func() error) error {
	before := tree.Position()
	err := decide()
	if !refused(err) || tree.CatchUp(ctx) != nil || tree.Position() == before {
		return err
	}
	return decide()
}

// Settled is the function Settled for what is decided by this right: the grants
// are read anew for the second time, and the tree is behind if it has moved on
// since they were first read. Only what was refused is decided again: whatever
// succeeded has happened.
func (a *Access) Settled(ctx context.Context, decide func() error) error {
	return a.settled(ctx, decide, refused)
}

// Seen is Settled for readings, which are also done again if they met a unit that
// the tree does not know: a list leaves out in silence what Check would refuse.
func (a *Access) Seen(ctx context.Context, read func() error) error {
	return a.settled(ctx, read, func(err error) bool { return refused(err) || err == nil && a.missed })
}

func (a *Access) settled(ctx context.Context, decide func() error, doubtful func(error) bool) error {
	err := decide()
	if !doubtful(err) || a.tree.CatchUp(ctx) != nil || a.tree.Position() == a.at {
		return err
	}
	a.missed = false
	a.read()
	return decide()
}

// Renew brings the tree up to date and reads the grants anew, for readings that
// nobody repeats: whatever they leave out is never asked for again.
func (a *Access) Renew(ctx context.Context) error {
	if err := a.tree.CatchUp(ctx); err != nil {
		return err
	}
	a.read()
	return nil
}

// read takes the caller's grants from the tree.
func (a *Access) read() {
	a.at = a.tree.Position()
	a.grants, a.dormant = a.narrowed(a.tree.Grants(a.Principal.Name))
}

// refused says whether err is a refusal that a newer tree might not give.
func refused(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDenied) }
