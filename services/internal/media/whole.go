package media

import (
	"encoding/binary"
	"hash/crc32"
)

// ends say of a picture of their type whether it goes to its end.
var ends = map[string]func([]byte) bool{
	PNG: endsPNG, JPEG: endsJPEG, GIF: endsGIF, HEIC: endsBoxes,
	WebP: func(b []byte) bool { return reaches(b, 8, binary.LittleEndian.Uint32(b[4:])) },
	BMP:  func(b []byte) bool { return reaches(b, 0, binary.LittleEndian.Uint32(b[2:])) },
}

// Whole says whether content of the media type goes to its end: a picture that was cut off
// on its way does not. It follows the parts of the file, and unpacks none: it costs no
// memory, however large a picture is. Of what is no picture, and of TIFF, which says nowhere
// where it ends, it knows nothing, and takes it for whole.
func Whole(mediaType string, content []byte) bool {
	end, known := ends[mediaType]
	return !known || len(content) >= 8 && end(content)
}

// reaches says whether b has as many bytes behind from as it says.
func reaches(b []byte, from uint64, n uint32) bool { return from+uint64(n) <= uint64(len(b)) }

// endsPNG follows the chunks (ISO/IEC 15948, 5.3) to the last, each with its checksum.
func endsPNG(b []byte) bool {
	drawn := false
	for b = b[8:]; len(b) >= 12; {
		n := binary.BigEndian.Uint32(b)
		if !reaches(b, 12, n) || crc32.ChecksumIEEE(b[4:8+n]) != binary.BigEndian.Uint32(b[8+n:]) {
			return false
		}
		switch string(b[4:8]) {
		case "IDAT":
			drawn = true
		case "IEND":
			return drawn
		}
		b = b[12+n:]
	}
	return false
}

// The markers of JPEG (ITU-T T.81, B.1.1.3) that have no length.
const (
	stuffed  = 0x00 // behind a byte of the picture
	restart0 = 0xd0
	restart7 = 0xd7
	end      = 0xd9
	scan     = 0xda // has one, and the picture behind it
	fill     = 0xff
)

// endsJPEG follows the segments to the end of the image. What stands in one, as a small
// picture with an end of its own, is passed over; what comes behind the end is not looked at.
func endsJPEG(b []byte) bool {
	drawn := false
	for i := 2; i+2 <= len(b); {
		switch m := b[i+1]; {
		case b[i] != fill, m == fill:
			i++
		case m == stuffed, m >= restart0 && m <= restart7:
			i += 2
		case m == end:
			return drawn
		case i+4 > len(b) || !reaches(b, uint64(i)+2, uint32(binary.BigEndian.Uint16(b[i+2:]))):
			return false
		default:
			drawn = drawn || m == scan
			i += 2 + int(binary.BigEndian.Uint16(b[i+2:]))
		}
	}
	return false
}

// endsGIF follows the blocks (GIF89a) to the trailer.
func endsGIF(b []byte) bool {
	const extension, picture, trailer = 0x21, 0x2c, 0x3b
	at, drawn := 13, false
	if len(b) > 10 {
		at += table(b[10])
	}
	for at < len(b) {
		switch {
		case b[at] == trailer:
			return drawn
		case b[at] == extension:
			at += 2
		case b[at] == picture && at+9 < len(b):
			drawn = true
			at += 11 + table(b[at+9])
		default:
			return false
		}
		for at < len(b) && b[at] != 0 {
			at += 1 + int(b[at])
		}
		at++
	}
	return false
}

// table is how many bytes a table of colours has.
func table(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// endsBoxes follows the outermost boxes (ISO/IEC 14496-12, 4.2) to the end of the file.
func endsBoxes(b []byte) bool {
	drawn := false
	for len(b) >= 8 {
		n, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		drawn = drawn || string(b[4:8]) == "mdat"
		if n == 1 && len(b) >= 16 {
			n, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if n == 0 { // to the end
			return drawn
		}
		if n < head || n > uint64(len(b)) {
			return false
		}
		b = b[n:]
	}
	return drawn && len(b) == 0
}
