package lifecycletest

import (
	"testing"

	"github.com/duban-project/duban/services/internal/lifecycle"
)

// Tried checks that a test tries every move that the table has, each under its English
// name or as it is spelled: of one that it does not know it says nothing.
func Tried[S lifecycle.State, M, N ~string, F any](t *testing.T, table lifecycle.Table[S, M], tries map[N]F) {
	t.Helper()
	for state, moves := range table {
		for m := range moves {
			short, _ := lifecycle.Spelled(m)
			_, spelled := tries[N(m)]
			if _, named := tries[N(short)]; !named && !spelled {
				t.Errorf("nothing tries %s from %s", short, lifecycle.Short(state))
			}
		}
	}
}
