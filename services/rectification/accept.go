package rectification

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// entered is the content by which p counts for superiors from the start, because
// one of them or a complaint entered it.
func entered(p *rectificationv1.Problem) *rectificationv1.AcceptedContent {
	return &rectificationv1.AcceptedContent{
		Category: p.GetCategory(), Item: p.GetItem(), Level: p.GetLevel(), Deadline: p.GetDeadline(),
		Description: p.GetDescription(), Cause: p.GetCause(), Measures: p.GetMeasures(),
	}
}

// acceptedOf is a copy of the content by which the accepted p counts. Where none was
// kept, because p was accepted by an older version, it is what p has.
func acceptedOf(p *rectificationv1.Problem) *rectificationv1.AcceptedContent {
	if p.GetAcceptedContent() == nil {
		return entered(p)
	}
	return proto.CloneOf(p.GetAcceptedContent())
}

// Unaccepted returns the name of the content that v has of p, if p does not count by
// it yet, or "".
func Unaccepted(v *rectificationv1.LedgerVersion, p *rectificationv1.Problem) string {
	i := int(p.GetNumber()) - 1
	if i >= len(v.GetFiledIn()) {
		return ""
	}
	ledger, _, _ := strings.Cut(v.GetName(), "/versions/")
	name := ContentName(ledger, v.GetFiledIn()[i], p.GetNumber())
	if p.GetAcceptedContent().GetFiledProblem() == name {
		return ""
	}
	return name
}

// Accept returns p as it counts for superiors once they have acknowledged v, in which it
// is filed: by what was filed, and the deadline that a superior has granted since.
func Accept(p *rectificationv1.Problem, filed *rectificationv1.FiledProblem, v *rectificationv1.LedgerVersion) *rectificationv1.Problem {
	p = proto.CloneOf(p)
	deadline := filed.GetDeadline()
	for _, x := range p.GetExtensions() {
		if x.GetState() == rectificationv1.Extension_STATE_APPROVED && !x.GetDecideTime().AsTime().Before(v.GetFileTime().AsTime()) {
			deadline = x.GetDeadline()
		}
	}
	p.Accepted = true
	p.AcceptedContent = &rectificationv1.AcceptedContent{
		Category: filed.GetCategory(), Item: filed.GetItem(), Level: cmp.Or(filed.GetLevel(), p.GetLevel()),
		Deadline: deadline, FiledProblem: filed.GetName(),
		Description: filed.GetDescription(), Cause: filed.GetCause(), Measures: filed.GetMeasures(),
	}
	return p
}
