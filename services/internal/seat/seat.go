// Package seat lets a call that only waits give up its place among those that run,
// so that many who wait for news shut out nobody who has some. How many places
// there are, how many may wait beside them, and how many of those for one caller, is
// decided by package serve.
package seat

import "context"

type key struct{}

// With returns a context of a call that gives up its place by leave, which may
// refuse to let it wait.
func With(ctx context.Context, leave func() error) context.Context {
	return context.WithValue(ctx, key{}, leave)
}

// Leave gives up the place of the call, for good: what it still does after waiting
// MUST be little, such as to read one page. Who has no place, or has given it up,
// gives up nothing. An error is a fault: the call MUST NOT wait, and end with it. It
// is for the goroutine of the call.
func Leave(ctx context.Context) error {
	if leave, ok := ctx.Value(key{}).(func() error); ok {
		return leave()
	}
	return nil
}
