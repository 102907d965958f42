package sheet

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/anypb"

	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
)

// Word is a part of a file's name: in letters of the contract's ids, and in Chinese.
type Word [2]string

// Called is a resource in the name of a file: its id, and its name in Chinese.
func Called(name, zh string) Word {
	_, id, _ := strings.Cut(name, "/")
	return Word{id, zh}
}

// Same is a word that is the same in both, such as a date.
func Same(word string) Word { return Word{word, word} }

// Write returns the table as a file, a workbook or CSV, and its media type.
func (t *Table) Write(workbook bool) (content []byte, media string, err error) {
	if workbook {
		content, err = XLSX(t)
		return content, TypeXLSX, err
	}
	content, err = CSV(t)
	return content, TypeCSV, err
}

// File returns the table as an answer that is a file, a workbook or CSV, which says
// by what name it is to be kept: what it is, and the words of the title.
func (t *Table) File(workbook bool, title ...Word) (*httpbody.HttpBody, error) {
	content, media, err := t.Write(workbook)
	if err != nil {
		return nil, err
	}
	title = append([]Word{{t.ID, t.Name}}, title...)
	named, err := anypb.New(&sheetv1.File{Stem: join(title, 0), StemZh: join(title, 1)})
	if err != nil {
		return nil, fmt.Errorf("naming a file: %w", err)
	}
	return &httpbody.HttpBody{ContentType: media, Data: content, Extensions: []*anypb.Any{named}}, nil
}

// join writes the words of a title in one of its languages; words that are empty are
// left out.
func join(title []Word, language int) string {
	var words []string
	for _, word := range title {
		if word[language] != "" {
			words = append(words, word[language])
		}
	}
	return strings.Join(words, "-")
}
