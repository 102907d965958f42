// Package media says what a file is by its content alone, whatever its sender
// says, and knows the few kinds of files that are taken as attachments (附件). It
// looks into no document for what it says; who may send one is decided above.
package media

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"net/http"
	"strings"
	"unicode"
)

// The media types that are taken.
const (
	PDF  = "application/pdf"
	PNG  = "image/png"
	JPEG = "image/jpeg"
	Text = "text/plain"
	CSV  = "text/csv"
	DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// Type returns the media type of the content, or "" if it is none of those that
// are taken.
func Type(content []byte) string {
	media, _, _ := strings.Cut(http.DetectContentType(content), ";")
	switch media {
	case PDF, PNG, JPEG:
		return media
	case Text:
		return text(content)
	case "application/zip":
		return office(content)
	default:
		return ""
	}
}

// text tells CSV from other text: every row has the same number of cells, and
// there are at least two rows of at least two. Control characters anywhere make
// it neither.
func text(content []byte) string {
	if bytes.ContainsFunc(content, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\f\r", r) }) {
		return ""
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll() // refuses rows of another length
	if err == nil && len(rows) > 1 && len(rows[0]) > 1 {
		return CSV
	}
	return Text
}

// parts is how many files an office document has at most; one with more is
// refused unread.
const parts = 2000

// office tells the two kinds of office documents by the part that each must
// have. One with macros is refused.
func office(content []byte) string {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(r.File) > parts {
		return ""
	}
	has := map[string]bool{}
	for _, f := range r.File {
		if strings.HasSuffix(strings.ToLower(f.Name), "vbaproject.bin") {
			return ""
		}
		has[f.Name] = true
	}
	switch {
	case !has["[Content_Types].xml"], has["word/document.xml"] == has["xl/workbook.xml"]:
		return ""
	case has["word/document.xml"]:
		return DOCX
	default:
		return XLSX
	}
}
