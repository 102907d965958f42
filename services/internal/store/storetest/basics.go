package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
)

func getAbsent(t *testing.T, e store.Engine) {
	if _, err := get(t, e, "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of an absent key = %v, want ErrNotFound", err)
	}
}

func getCopies(t *testing.T, e store.Engine) {
	put(t, e, "k", "value")
	update(t, e, func(tx store.Tx) error {
		for range 2 {
			v, err := tx.Get(b, []byte("k"))
			if err != nil {
				return err
			}
			if err := tx.Put(b, []byte("k"), v); err != nil {
				return err
			}
			clear(v)
		}
		v, err := tx.Get(b, []byte("k"))
		clear(v)
		return err
	})
	if v, _ := get(t, e, "k"); v != "value" {
		t.Errorf("changing a returned value changed the store: %q", v)
	}
}

// What is empty is there.
func seekThere(t *testing.T, e store.Engine) {
	put(t, e, "k", "value", "empty", "")
	view(t, e, func(tx store.Tx) error {
		for k, want := range map[string]string{"k": "value", "empty": ""} {
			if v, there, err := store.Seek(tx, b, []byte(k)); string(v) != want || !there || err != nil {
				t.Errorf("Seek of %q = %q, %t, %v", k, v, there, err)
			}
		}
		return nil
	})
}

// Only an absent key is no error, be there its bucket or not.
func seekAbsent(t *testing.T, e store.Engine) {
	put(t, e, "k", "value")
	var kept store.Tx
	view(t, e, func(tx store.Tx) error {
		for _, bucket := range []string{b, "other"} {
			if v, there, err := store.Seek(tx, bucket, []byte("absent")); v != nil || there || err != nil {
				t.Errorf("Seek of an absent key in %q = %q, %t, %v", bucket, v, there, err)
			}
		}
		kept = tx
		return nil
	})
	if v, there, err := store.Seek(kept, b, []byte("k")); there || err == nil {
		t.Errorf("Seek after the View = %q, %t, %v, want an error", v, there, err)
	}
}

// An engine may commit long after fn has returned and used its buffers again.
func putCopies(t *testing.T, e store.Engine) {
	update(t, e, func(tx store.Tx) error {
		k, v := []byte("k"), []byte("value")
		err := tx.Put(b, k, v)
		clear(k)
		clear(v)
		return err
	})
	if v, err := get(t, e, "k"); v != "value" || err != nil {
		t.Errorf("changing a stored buffer changed the store: %q, %v", v, err)
	}
}

func putOverwrites(t *testing.T, e store.Engine) {
	put(t, e, "k", "1", "k", "2")
	if v, err := get(t, e, "k"); v != "2" || err != nil {
		t.Errorf("Get = %q, %v, want 2", v, err)
	}
}

// Empty is not absent, neither at once nor after the commit.
func putNil(t *testing.T, e store.Engine) {
	update(t, e, func(tx store.Tx) error {
		if err := tx.Put(b, []byte("k"), nil); err != nil {
			return err
		}
		if v, err := read(tx, "k"); v != "" || err != nil {
			t.Errorf("Get in the same transaction = %q, %v, want an empty value", v, err)
		}
		return nil
	})
	if v, err := get(t, e, "k"); v != "" || err != nil {
		t.Errorf("Get = %q, %v, want an empty value", v, err)
	}
}

func putEmptyKey(t *testing.T, e store.Engine) {
	err := e.Update(t.Context(), func(tx store.Tx) error { return write(tx, "", "v") })
	if err == nil {
		t.Error("Put took an empty key")
	}
	if all := contents(t, e); len(all) != 0 {
		t.Errorf("left behind: %q", all)
	}
}

func putLarge(t *testing.T, e store.Engine) {
	want := strings.Repeat("x", 5<<20)
	put(t, e, "a", "1", "k", want, "z", "2")
	if got, err := get(t, e, "k"); got != want || err != nil {
		t.Errorf("a value of 5 MiB came back as %d bytes, %v", len(got), err)
	}
	put(t, e, "k", "small")
	if got := contents(t, e); got["k"] != "small" || len(got) != 3 {
		t.Errorf("after replacing a large value: %d entries, %q", len(got), got["k"])
	}
}

func deleteRemoves(t *testing.T, e store.Engine) {
	put(t, e, "a", "1", "k", "2", "z", "3")
	update(t, e, func(tx store.Tx) error {
		if err := tx.Delete(b, []byte("k")); err != nil {
			return err
		}
		if _, err := read(tx, "k"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get in the same transaction = %v, want ErrNotFound", err)
		}
		return nil
	})
	if got := contents(t, e); len(got) != 2 || got["a"] != "1" || got["z"] != "3" {
		t.Errorf("left: %q", got)
	}
}

func deleteAbsent(t *testing.T, e store.Engine) {
	update(t, e, func(tx store.Tx) error { return tx.Delete(b, []byte("k")) })
	put(t, e, "k", "1")
	update(t, e, func(tx store.Tx) error { return tx.Delete(b, []byte("j")) })
	if v, err := get(t, e, "k"); v != "1" || err != nil {
		t.Errorf("deleting an absent key touched its neighbour: %q, %v", v, err)
	}
}

func bucketsSeparate(t *testing.T, e store.Engine) {
	put(t, e, "k", "1")
	update(t, e, func(tx store.Tx) error { return tx.Put(b+".x", []byte("k"), []byte("2")) })
	view(t, e, func(tx store.Tx) error {
		if _, err := tx.Get("other", []byte("k")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a key shows in another bucket: %v", err)
		}
		for entry := range tx.Scan("other", nil, nil) {
			t.Errorf("a scan of an unused bucket shows %q", entry.Key)
		}
		return nil
	})
	if got := contents(t, e); len(got) != 1 || got["k"] != "1" {
		t.Errorf("a bucket whose name continues ours shows through: %q", got)
	}
}

func bucketNames(t *testing.T, e store.Engine) {
	for _, name := range []string{"b", "a.b", "a"} {
		update(t, e, func(tx store.Tx) error { return tx.Put(name, []byte("k"), nil) })
	}
	view(t, e, func(tx store.Tx) error {
		if got, err := tx.Buckets(); err != nil || !slices.Equal(got, []string{"a", "a.b", "b"}) {
			t.Errorf("Buckets = %q, %v", got, err)
		}
		return nil
	})
}

func viewCannotWrite(t *testing.T, e store.Engine) {
	for name, do := range map[string]func(store.Tx) error{
		"Put":    func(tx store.Tx) error { return write(tx, "k", "") },
		"Delete": func(tx store.Tx) error { return tx.Delete(b, []byte("k")) },
	} {
		if err := e.View(t.Context(), do); !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%s in a View = %v, want ErrReadOnly", name, err)
		}
	}
}

func viewReturnsError(t *testing.T, e store.Engine) {
	if err := e.View(t.Context(), func(store.Tx) error { return errBoom }); !errors.Is(err, errBoom) {
		t.Errorf("View = %v, want the error of fn", err)
	}
}

func contextDone(t *testing.T, e store.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fn := func(store.Tx) error {
		t.Error("fn ran although its context was done")
		return nil
	}
	if err := e.Update(ctx, fn); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if err := e.View(ctx, fn); !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}
}

// A transaction may be shared; whoever keeps it must not write as somebody else.
func txEnds(t *testing.T, e store.Engine) {
	put(t, e, "k", "1")
	var kept store.Tx
	keep := func(tx store.Tx) error {
		kept = tx
		return nil
	}
	for name, run := range map[string]func(context.Context, func(store.Tx) error) error{"Update": e.Update, "View": e.View} {
		if err := run(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		if v, err := read(kept, "k"); err == nil {
			t.Errorf("Get after the %s = %q", name, v)
		}
		if err := write(kept, "k", "2"); err == nil {
			t.Errorf("Put after the %s passed", name)
		}
		if err := kept.Delete(b, []byte("k")); err == nil {
			t.Errorf("Delete after the %s passed", name)
		}
		for entry, err := range kept.Scan(b, nil, nil) {
			if err == nil {
				t.Errorf("Scan after the %s shows %q", name, entry.Key)
			}
		}
	}
}

func closeRefuses(t *testing.T, e store.Engine) {
	put(t, e, "k", "1")
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	fn := func(store.Tx) error {
		t.Error("fn ran on a closed engine")
		return nil
	}
	if err := e.Update(t.Context(), fn); err == nil {
		t.Error("Update of a closed engine passed")
	}
	if err := e.View(t.Context(), fn); err == nil {
		t.Error("View of a closed engine passed")
	}
}
