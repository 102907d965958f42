package organization

import (
	"fmt"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// ahead is how many days before it begins a post can be entered: a mistyped year is none.
const ahead = 366

// Posted refuses a post, which the request has at field, that ends before it begins, or
// begins too long after today, YYYY-MM-DD.
func Posted(p *organizationv1.Post, today, field string) error {
	if p.GetEndDate() != "" && p.GetEndDate() < p.GetStartDate() {
		return ErrPostInvalid.At(field+".end_date", "止日早于起日", "is before the first day")
	}
	day, err := calendar.ParseDate(today)
	if err != nil {
		return fmt.Errorf("reading today's date: %w", err)
	}
	if latest := day.AddDays(ahead).String(); p.GetStartDate() > latest {
		return ErrPostInvalid.At(field+".start_date", "最晚为"+latest, "must be "+latest+" at the latest")
	}
	return nil
}
