package services_test

import (
	protobuf "google.golang.org/protobuf/proto"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

func problemFixtures() map[string][]fixture {
	shows, drafted := func(r records) string { return r.ledgers.problem }, func(r records) string { return r.ledgers.drafted }
	return map[string][]fixture{
		"CreateProblem": {
			{note: "found by the unit", only: []right{unitsOffice}, ask: enters(rectificationv1.Problem_SOURCE_SELF_CHECK)},
			{note: "ordered from above", only: []right{superiors}, ask: enters(rectificationv1.Problem_SOURCE_SUPERIOR)},
			{note: "found by an audit", only: []right{unitsOffice, superiors}, ask: enters(rectificationv1.Problem_SOURCE_AUDIT)},
			{note: "of a complaint, which a service enters", only: []right{}, ask: enters(rectificationv1.Problem_SOURCE_COMPLAINT)},
		},
		"GetProblem": {
			asks(func(r records) protobuf.Message { return &rectificationv1.GetProblemRequest{Name: r.ledgers.problem} }),
			{note: "unsigned", except: draft(), ask: func(r records) protobuf.Message {
				return &rectificationv1.GetProblemRequest{Name: r.ledgers.drafted}
			}},
		},
		"ListProblems": {
			{note: "of a ledger", shows: shows, ask: func(r records) protobuf.Message {
				return &rectificationv1.ListProblemsRequest{Parent: r.ledgers.ledger}
			}},
			{note: "of a unit", shows: shows, ask: func(r records) protobuf.Message {
				return &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", Unit: r.unit}
			}},
			{note: "all", sifts: true, shows: shows, ask: func(records) protobuf.Message {
				return &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", PageSize: 1000}
			}},
			{note: "unsigned, of a ledger", except: draft(), shows: drafted, ask: func(r records) protobuf.Message {
				return &rectificationv1.ListProblemsRequest{Parent: r.ledgers.draft}
			}},
			{note: "unsigned, of all", sifts: true, except: draft(), shows: drafted, ask: func(records) protobuf.Message {
				return &rectificationv1.ListProblemsRequest{Parent: "ledgers/-", PageSize: 1000}
			}},
		},
		"UpdateProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.UpdateProblemRequest{Problem: &rectificationv1.Problem{Name: r.ledgers.problem, Description: "改"}, ValidateOnly: true}
		})},
		"PlanProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.PlanProblemRequest{Name: r.ledgers.problem, Cause: "原因", ValidateOnly: true}
		})},
		"StartProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.StartProblemRequest{Name: r.ledgers.problem, ValidateOnly: true}
		})},
		"ProgressProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.ProgressProblemRequest{Name: r.ledgers.problem, Text: "进展", Percent: 50, ValidateOnly: true}
		})},
		"ExtendProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.ExtendProblemRequest{Name: r.ledgers.problem, Deadline: "2026-06-30", Reason: "工期", ValidateOnly: true}
		})},
		"CreateAttachment": {asks(func(r records) protobuf.Message { return adding(r.ledgers.problem) })},
		"ListAttachments": {{except: draft(), shows: func(r records) string { return r.ledgers.file }, ask: func(r records) protobuf.Message {
			return &blobv1.ListAttachmentsRequest{Parent: r.ledgers.problem}
		}}},
		"GetAttachment": {
			{except: draft(), ask: func(r records) protobuf.Message { return &blobv1.GetAttachmentRequest{Name: r.ledgers.file} }},
			{note: "of a draft", except: draft(), ask: func(r records) protobuf.Message {
				return &blobv1.GetAttachmentRequest{Name: r.ledgers.draftFile}
			}},
		},
	}
}

// enters tries to enter a problem of a source.
func enters(source rectificationv1.Problem_Source) func(records) protobuf.Message {
	return func(r records) protobuf.Message {
		req := entering(r.ledgers.ledger, source)
		req.ValidateOnly = true
		return req
	}
}

func closingFixtures() map[string][]fixture {
	return map[string][]fixture{
		"SubmitProblem": {asks(func(r records) protobuf.Message {
			return &rectificationv1.SubmitProblemRequest{Name: r.ledgers.problem, Evidence: []string{r.ledgers.file}, ValidateOnly: true}
		})},
		"VerifyProblem": decided([]right{unitsHeads, superiors}, func(name string) protobuf.Message {
			return &rectificationv1.VerifyProblemRequest{Name: name, ValidateOnly: true}
		}),
		"CloseProblem": decided([]right{unitsHeads}, func(name string) protobuf.Message {
			return &rectificationv1.CloseProblemRequest{Name: name, ValidateOnly: true}
		}),
		"ReturnProblem": decided([]right{unitsHeads, superiors}, func(name string) protobuf.Message {
			return &rectificationv1.ReturnProblemRequest{Name: name, Reason: "不符", ValidateOnly: true}
		}),
		"ReopenProblem": decided([]right{unitsHeads, superiors}, func(name string) protobuf.Message {
			return &rectificationv1.ReopenProblemRequest{Name: name, Reason: "反弹", ValidateOnly: true}
		}),
		"CancelProblem": decided(nil, func(name string) protobuf.Message {
			return &rectificationv1.CancelProblemRequest{Name: name, Reason: "误报", ValidateOnly: true}
		}),
		"ApproveExtension": decided(nil, func(name string) protobuf.Message {
			return &rectificationv1.ApproveExtensionRequest{Name: name, ValidateOnly: true}
		}),
		"RefuseExtension": decided(nil, func(name string) protobuf.Message {
			return &rectificationv1.RefuseExtensionRequest{Name: name, Reason: "不允", ValidateOnly: true}
		}),
	}
}

// decided are both ways of finding: by the unit itself, where those have a say
// who are named, or all of the method's for nil, and from above, where only superiors do.
func decided(own []right, ask func(problem string) protobuf.Message) []fixture {
	return []fixture{
		{note: "found by the unit", only: own, ask: func(r records) protobuf.Message { return ask(r.ledgers.problem) }},
		{note: "ordered from above", only: []right{superiors}, merged: foreign(), ask: func(r records) protobuf.Message { return ask(r.ledgers.ordered) }},
	}
}

// foreign are those above the school that another district's was merged into: what the
// other district found is not theirs to decide on.
func foreign() []exception {
	return []exception{{"a bureau decides on what it found", func(c caller, home string) bool {
		return home == "units/s3" && c.unit == "units/d2"
	}, denied}}
}
