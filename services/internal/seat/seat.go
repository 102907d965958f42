// Package seat lets a call that only waits give up its place among those that run,
// so that many who wait for news shut out nobody who has some. How many places
// there are, and how many may wait beside them, is decided by package serve.
package seat

import "context"

type key struct{}

// With returns a context of a call that gives up its place by leave.
func With(ctx context.Context, leave func()) context.Context {
	return context.WithValue(ctx, key{}, leave)
}

// Leave gives up the place of the call, for good: what it still does after waiting
// MUST be little, such as to read one page. Who has no place, or has given it up,
// gives up nothing. It is for the goroutine of the call.
func Leave(ctx context.Context) {
	if leave, ok := ctx.Value(key{}).(func()); ok {
		leave()
	}
}
