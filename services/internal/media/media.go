// Package media says what a file is by its content alone, whatever its sender
// says, and knows the kinds of files that are taken as attachments (附件), with the
// endings (后缀) that their names may have. Signatures of binary files are told by
// mimetype; what is inside a package, and what is text, is told here. Nothing that
// runs is taken: no markup, no script, no macros, and no archive of anything. It
// looks into no document for what it says, but whether a picture goes to its end; who
// may send one is decided above.
package media

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// The media types that are taken.
const (
	PDF  = "application/pdf"
	OFD  = "application/ofd" // 版式文件, GB/T 33190
	DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	DOC  = "application/msword"
	XLS  = "application/vnd.ms-excel"
	PPT  = "application/vnd.ms-powerpoint"
	Text = "text/plain"
	CSV  = "text/csv"
	PNG  = "image/png"
	JPEG = "image/jpeg"
	GIF  = "image/gif"
	WebP = "image/webp"
	BMP  = "image/bmp"
	TIFF = "image/tiff"
	HEIC = "image/heic"
	MP3  = "audio/mpeg"
	M4A  = "audio/x-m4a"
	WAV  = "audio/wav"
	MP4  = "video/mp4"
	MOV  = "video/quicktime"
)

// endings has what the names of each type end in. WPS writes its own endings for
// the formats of 1997.
var endings = map[string][]string{
	PDF: {".pdf"}, OFD: {".ofd"}, DOCX: {".docx"}, XLSX: {".xlsx"}, PPTX: {".pptx"},
	DOC: {".doc", ".wps"}, XLS: {".xls", ".et"}, PPT: {".ppt", ".dps"},
	Text: {".txt", ".csv"}, CSV: {".csv", ".txt"},
	PNG: {".png"}, JPEG: {".jpg", ".jpeg"}, GIF: {".gif"}, WebP: {".webp"}, BMP: {".bmp"}, TIFF: {".tif", ".tiff"}, HEIC: {".heic", ".heif"},
	MP3: {".mp3"}, M4A: {".m4a"}, WAV: {".wav"}, MP4: {".mp4"}, MOV: {".mov"},
}

// Endings are those of which the name of a file of the media type has one; none if
// the type is not taken.
func Endings(mediaType string) []string { return endings[mediaType] }

// Agrees says whether the name of a file ends as those of its media type do.
func Agrees(mediaType, name string) bool {
	return slices.Contains(endings[mediaType], strings.ToLower(path.Ext(name)))
}

// Type returns the media type of the content, or "" if it is none of those that
// are taken.
func Type(content []byte) string {
	found := mimetype.Detect(content)
	kind, _, _ := strings.Cut(found.String(), ";")
	switch {
	case within(found, "application/zip"):
		return packed(content)
	case within(found, "application/x-ole-storage"):
		return compound(content)
	case within(found, Text):
		return written(kind, content)
	case kind == PDF && !bytes.HasPrefix(content, []byte("%PDF-")):
		return "" // something else that holds one
	case within(found, PNG): // a moving one too
		return PNG
	case strings.HasPrefix(kind, "image/hei"): // a series too
		return HEIC
	case len(endings[kind]) > 0:
		return kind
	default:
		return ""
	}
}

// within says whether what was found is of the kind, or of one that goes by it.
func within(found *mimetype.MIME, kind string) bool {
	for ; found != nil; found = found.Parent() {
		if found.Is(kind) {
			return true
		}
	}
	return false
}
