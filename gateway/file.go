package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	sheetv1 "github.com/duban-project/duban/proto/gen/go/duban/sheet/v1"
)

// maxStem is how many characters of a file's name are kept: with the ending and in
// UTF-8 they are fewer bytes than file systems take.
const maxStem = 80

// setDisposition lets browsers save an answer that is a file, and never show it,
// under the name that its service gives it: as RFC 6266 has it for all, and beside
// it in Chinese as RFC 8187 does.
func setDisposition(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	file, ok := m.(*httpbody.HttpBody)
	if !ok {
		return nil
	}
	stem, zh := stems(file)
	ending := ".xlsx"
	if strings.HasPrefix(file.GetContentType(), "text/csv") {
		ending = ".csv"
	}
	value := fmt.Sprintf(`attachment; filename="%s"`, stem+ending)
	if zh != "" {
		value += "; filename*=UTF-8''" + percent(zh+ending)
	}
	w.Header().Set("Content-Disposition", value)
	return nil
}

// stems are the names of a file without their ending: "export", and none in Chinese,
// if its service gives it none.
func stems(file *httpbody.HttpBody) (stem, zh string) {
	for _, extension := range file.GetExtensions() {
		named := &sheetv1.File{}
		if extension.MessageIs(named) && extension.UnmarshalTo(named) == nil {
			stem, zh = clean(named.GetStem(), safe), clean(named.GetStemZh(), plain)
		}
	}
	if stem == "" {
		stem = "export"
	}
	return stem, zh
}

// clean puts an underscore in the place of each character that may not be in a name.
func clean(name string, may func(rune) bool) string {
	var b strings.Builder
	count := 0
	for _, r := range strings.Trim(strings.ToValidUTF8(name, "_"), ". ") {
		if count++; count > maxStem {
			break
		}
		if !may(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// safe says whether a character is the same to every system and in every header.
func safe(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)
}

// plain says whether a character shows as itself, and means nothing to any file
// system.
func plain(r rune) bool { return unicode.IsPrint(r) && !strings.ContainsRune(`/\:*?"<>|%`, r) }

// percent writes a text as a value of RFC 8187.
func percent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if safe(rune(c)) {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
