package text_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/text"
)

// TestControlCharactersAreNoText: wherever a string stands in a request, it is
// held to the same rule, and named.
func TestControlCharactersAreNoText(t *testing.T) {
	unit := func(name string) proto.Message {
		return &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{DisplayName: name}}
	}
	file := func(name string) proto.Message {
		return &blobv1.CreateAttachmentRequest{Attachment: &blobv1.Attachment{FileName: name}, Content: []byte{0, 1}}
	}
	labelled := func(key, value string) proto.Message {
		return &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{Labels: map[string]string{key: value}}}
	}
	packed, err := anypb.New(unit("a\x00b"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m    proto.Message
		want string // the field that is named
	}{
		{unit("第一行\n\t第二行"), ""},
		{unit("a\x00b"), "unit.display_name"},
		{unit(" \t　"), "unit.display_name"},
		{labelled("a", " "), `unit.labels["a"]`},
		{unit("第一行\r\n第二行\r\n"), ""},
		{unit("a\rb"), "unit.display_name"},
		{unit("a\r"), "unit.display_name"},
		{unit("a\r\r\n"), "unit.display_name"},
		{unit("谢谢👩\u200d👩\u200d👧，❤\ufe0f\u200d🔥，👩🏽\u200d🏫"), ""},
		{unit("甲\u200d乙"), "unit.display_name"},
		{unit("甲\u200d👧"), "unit.display_name"},
		{unit("👧\u200d乙"), "unit.display_name"},
		{unit("👧\u200d"), "unit.display_name"},
		{unit("a\x7f"), "unit.display_name"},
		{unit("a\u0085b"), "unit.display_name"},
		{unit("甲\u202e乙"), "unit.display_name"},
		{unit("甲\u202a乙"), "unit.display_name"},
		{unit("甲\u2066乙\u2069"), "unit.display_name"},
		{unit("甲\u200e乙"), "unit.display_name"},
		{unit("甲\u200f乙"), "unit.display_name"},
		{unit("甲\u200b乙"), "unit.display_name"},
		{unit("甲\u2060乙"), "unit.display_name"},
		{unit("\ufeff甲乙"), "unit.display_name"},
		{unit("\u3164"), "unit.display_name"},
		{unit("甲\u3164乙"), "unit.display_name"},
		{unit("甲\u115f乙"), "unit.display_name"},
		{unit("甲\u1160乙"), "unit.display_name"},
		{unit("甲\uffa0乙"), "unit.display_name"},
		{unit("甲\u034f乙"), "unit.display_name"},
		{unit("甲\u00ad乙"), "unit.display_name"},
		{unit("甲\U000E01F0乙"), "unit.display_name"},
		{unit("\u2800\u2800"), "unit.display_name"},
		{unit("⠓⠑\u2800⠓⠑"), ""}, // in Braille it is a blank
		{unit("\ufe0f"), "unit.display_name"},
		{unit("甲 \ufe0f"), "unit.display_name"},
		{unit("葛\U000E0100\U000E0101"), "unit.display_name"},
		{unit("1\ufe0f\u20e3 ☎\ufe0f ᠬ\u180b 한글 \u0600١"), ""},
		{unit("葛\U000E0100〇㐀—“”…　é"), ""}, // a variant of a character, and what Chinese text has
		{&organizationv1.ImportUnitsRequest{Csv: "\ufeffid\n"}, ""},
		{&organizationv1.ImportUnitsRequest{Csv: "\ufeffid\r\na\r\n"}, ""},
		{&organizationv1.ImportUnitsRequest{Csv: "\ufeffid\u202e\n"}, "csv"},
		{labelled("a", "b\x1b"), `unit.labels["a"]`},
		{labelled("a\x1b", "b"), `unit.labels["a\x1b"]`},
		{&fieldmaskpb.FieldMask{Paths: []string{"a", "b\x00"}}, "paths[1]"},
		{&organizationv1.Member{Posts: []*organizationv1.Post{{}, {Unit: "a\x00"}}}, "posts[1].unit"},
		{&anypb.Any{TypeUrl: packed.GetTypeUrl(), Value: packed.GetValue()}, "(duban.organization.v1.CreateUnitRequest).unit.display_name"},
		{file("照片 1.jpg"), ""},
		{file("a\r\nb.jpg"), "attachment.file_name"},
		{file("a\nb.jpg"), "attachment.file_name"},
		{file("../b.jpg"), "attachment.file_name"},
		{file(`c:\b.jpg`), "attachment.file_name"},
	} {
		got := ""
		if f := fault.As(text.Check(c.m, 20)); f != nil {
			got = f.Fields[0].Path
		}
		if got != c.want {
			t.Errorf("%v: %q is named, want %q", c.m, got, c.want)
		}
	}
}
