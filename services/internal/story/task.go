package story

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// A task is an assignment and what will become of it.
type task struct {
	*campaignv1.Assignment
	actor string // the code of the unit whose clerk does it
	fate  taskFate
	late  bool // whether its time has passed once
}

type taskFate int

const (
	reportedInTime taskFate = iota
	reportedLate
	sentBack // reported in time, returned, reported again
	neverReported
)

// decide draws what becomes of every assignment, in the order of their names.
func (s *Story) decide() {
	slices.SortFunc(s.assignments, func(a, b *task) int { return cmp.Compare(a.GetName(), b.GetName()) })
	for _, t := range s.assignments {
		switch n := s.Random.IntN(100); {
		case t.GetState() != campaignv1.Assignment_STATE_RECEIVED || n >= 98 || s.Unit(cast.Code(t.GetUnit())).Parent == "": // nobody here is above it
			t.fate = neverReported
		case n >= 95:
			t.fate = sentBack
		case n >= 91:
			t.fate = reportedLate
		}
	}
}

// until has the units report what is due by a day (填报), and what they should
// have reported before; their superiors review it.
func until(date string) func(*Story, context.Context) error {
	return func(s *Story, ctx context.Context) error {
		var ready []*task
		for _, t := range s.assignments {
			open := t.GetState() == campaignv1.Assignment_STATE_RECEIVED && t.fate != neverReported && t.GetDueDate() <= date
			if open && (t.fate != reportedLate || t.late) {
				ready = append(ready, t)
			}
			t.late = t.GetDueDate() <= date
		}
		return stage.Each(ctx, s.Stage, ready, s.report)
	}
}

// report brings a task from reporting to approval.
func (s *Story) report(ctx context.Context, t *task) error {
	if err := s.submitTask(ctx, t); err != nil {
		return err
	}
	if err := stage.Same(t.GetName()+" late", t.GetLate(), t.fate == reportedLate); err != nil {
		return err
	}
	superior := s.By(s.Supervisor(t.actor), "supervisor1")
	if t.actor == s.top {
		superior = s.By(s.top, "leader") // over its departments
	}
	if t.fate == sentBack {
		back := &campaignv1.ReturnAssignmentRequest{Name: t.GetName(), Reason: "材料与通知要求不符，请补充后重报。"}
		if err := superior.Do(ctx, "return", back, t.Assignment); err != nil {
			return err
		}
		if err := s.submitTask(ctx, t); err != nil {
			return err
		}
	}
	return superior.Do(ctx, "approve", &campaignv1.ApproveAssignmentRequest{Name: t.GetName(), Etag: t.GetEtag()}, t.Assignment)
}

func (s *Story) submitTask(ctx context.Context, t *task) error {
	req := &campaignv1.SubmitAssignmentRequest{Name: t.GetName(), Summary: "已按要求完成：" + t.GetTitle() + "（演示）"}
	if t.GetNilAllowed() {
		req.NilReturn, req.Summary = true, "本期无此类情况（零报告，演示）"
	} else {
		var err error
		if req.Evidence, err = s.evidence(ctx, t); err != nil {
			return err
		}
	}
	if t.GetReturns() > 0 {
		req.Summary += "，已按退回意见补充"
	}
	return s.By(t.actor, "clerk").Do(ctx, "submit", req, t.Assignment)
}

// evidence adds the files that the task requires; one file serves as many kinds
// as its form allows.
func (s *Story) evidence(ctx context.Context, t *task) (list []*campaignv1.Evidence, err error) {
	added := map[string]string{}
	for _, need := range t.GetRequired() {
		media := campaignv1.EvidenceKind_MEDIA_DOCUMENT
		if len(need.GetMedia()) > 0 && !slices.Contains(need.GetMedia(), media) {
			media = need.GetMedia()[0]
		}
		for i := range need.GetCount() {
			file := fmt.Sprintf("%s-%d-%d", media, i+1, t.GetReturns())
			if added[file] == "" {
				if added[file], err = s.attach(ctx, t.actor, t.GetName(), file, media); err != nil {
					return nil, err
				}
			}
			list = append(list, &campaignv1.Evidence{Kind: need.GetKind(), Attachment: added[file]})
		}
	}
	return list, nil
}

// attach adds a file to a resource and returns its name.
func (s *Story) attach(ctx context.Context, unit, resource, file string, media campaignv1.EvidenceKind_Media) (string, error) {
	var content []byte
	var ending string
	switch media {
	case campaignv1.EvidenceKind_MEDIA_IMAGE:
		content, ending = photo(len(file), len(resource)), ".png"
	case campaignv1.EvidenceKind_MEDIA_SPREADSHEET:
		content, ending = []byte("序号,内容,完成\n1,"+file+",是\n2,演示数据,是\n"), ".csv"
	default:
		content, ending = []byte("演示材料 "+file+"\n"+resource+"\n"), ".txt"
	}
	a := &blobv1.Attachment{}
	req := &blobv1.CreateAttachmentRequest{Parent: resource, Attachment: &blobv1.Attachment{FileName: file + ending}, Content: content}
	if err := s.By(unit, "clerk").Post(ctx, "/v1/"+resource+"/attachments", req, a); err != nil {
		return "", err
	}
	return a.GetName(), nil
}

// photo is a small picture, another for other numbers.
func photo(a, b int) []byte {
	m := image.NewGray(image.Rect(0, 0, 8, 8))
	m.SetGray(a%8, b%8, color.Gray{Y: 255})
	var out bytes.Buffer
	_ = png.Encode(&out, m) // a buffer takes everything
	return out.Bytes()
}
