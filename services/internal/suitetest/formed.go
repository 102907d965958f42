package suitetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// formed fails if what a process keeps beside its feeds is not of the form that it declares,
// so that no check says of what is whole that it is damaged.
func (p *part) formed() (all error) {
	ctx := context.Background() // the test's is over
	for role, engine := range p.Stores() {
		err := engine.View(ctx, func(tx store.Tx) error {
			for bucket, form := range suite.Schema(role).Forms {
				for row, err := range tx.Scan(bucket, nil, nil) {
					if err != nil {
						return err
					}
					if what, err := form(tx, row); what != "" || err != nil {
						return errors.Join(err, fmt.Errorf("%s has under %q %s", bucket, row.Key, what))
					}
				}
			}
			return nil
		})
		all = errors.Join(all, err)
	}
	return all
}
