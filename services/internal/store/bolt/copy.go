package bolt

import (
	"context"
	"fmt"
	"io"

	"go.etcd.io/bbolt"

	"github.com/duban-project/duban/services/internal/store"
)

// Copy writes to w a file that Open opens as the store was at one durable moment,
// while others go on writing to it. It answers store.ErrFull, and writes nothing,
// if such a file would take the disk of the store below its reserve: w is to be
// on that disk and as quick as it is, for while Copy runs the store cannot use
// the room again that changes leave behind, and grows.
func Copy(ctx context.Context, from store.Engine, w io.Writer) error {
	e, ok := from.(*engine)
	if !ok {
		return fmt.Errorf("bolt: %T is no engine of this package", from)
	}
	return e.snapshot(ctx, func(t *bbolt.Tx) error {
		switch n, err := e.o.Free(e.path); {
		case err != nil:
			return fmt.Errorf("asking for free disk space: %w", err)
		case n < e.o.Reserve+uint64(t.Size()):
			return store.ErrFull
		}
		if _, err := t.WriteTo(writer{ctx, w}); err != nil {
			return fmt.Errorf("copying %s: %w", e.path, err)
		}
		return nil
	})
}

// writer ends with its context.
type writer struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (w writer) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}
