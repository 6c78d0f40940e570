package health

import (
	"fmt"
	"time"
)

// Status is the verdict on a stream, by YouTube's words.
type Status string

// The statuses.
const (
	StatusGood   Status = "good"   // nothing to do; infos may stand
	StatusOK     Status = "ok"     // warnings stand
	StatusBad    Status = "bad"    // errors stand
	StatusNoData Status = "noData" // no picture and no sound for a window, or never
)

// Severity is how much an issue matters, by YouTube's words.
type Severity string

// The severities.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// An Issue is one thing that is wrong with a stream.
type Issue struct {
	Type     Type     `json:"type"`
	Severity Severity `json:"severity"`

	// Measured and Limit are for people and have their units: "8.0 s", "at
	// most 4 s".
	Measured string `json:"measured"`
	Limit    string `json:"limit"`

	Since   time.Time `json:"since,omitzero"` // it has stood without a break since then
	Advice  string    `json:"advice"`         // one sentence for whoever runs the encoder
	YouTube bool      `json:"youtube"`        // Type is one of YouTube's names
}

// String is the issue in one line: "gopSizeLong: 8.0 s (at most 4 s)".
func (i Issue) String() string { return fmt.Sprintf("%s: %s (%s)", i.Type, i.Measured, i.Limit) }

// A Report is what a Judge says of a stream at one time.
type Report struct {
	Status Status    `json:"status"`
	Since  time.Time `json:"since,omitzero"` // of the status; zero before the first message
	At     time.Time `json:"at"`

	// Issues, the gravest first. Never nil, so that JSON says [].
	Issues []Issue `json:"issues"`

	Video Video `json:"video,omitzero"`
	Audio Audio `json:"audio,omitzero"`

	// Speed is seconds of media for each second of arrival, over the window: 1
	// for a live stream. 0 where it is not known yet.
	Speed float64 `json:"speed"`

	// Skew is how far audio timestamps are ahead of video's at the same
	// arrival, in milliseconds; 0 where it is not known.
	Skew int `json:"skewMs"`

	// A bitrate is compared with another session's where enough is known of it:
	// 4 of 10 s, and of video a whole GOP.
	videoRated, audioRated bool
}

// Video is what was found of the picture. What is zero or "" is not known.
type Video struct {
	Codec   string `json:"codec,omitempty"`   // "H.264", else the codec's name or FourCC
	Profile string `json:"profile,omitempty"` // "High"
	Level   string `json:"level,omitempty"`   // "4.1"

	Width       int    `json:"width,omitempty"` // on the screen, in luma samples
	Height      int    `json:"height,omitempty"`
	PixelAspect string `json:"pixelAspect,omitempty"` // "1:1", also where the stream does not say

	FPS     float64 `json:"fps,omitempty"`     // by the timestamps, over the window, holes included
	Bitrate int     `json:"bitrate,omitempty"` // bit/s of media time, over the window
	GOP     float64 `json:"gop,omitempty"`     // seconds between keyframes, the longest in the window

	Interlaced bool `json:"interlaced,omitempty"`
	BPictures  bool `json:"bPictures,omitempty"`
	OpenGOP    bool `json:"openGop,omitempty"`

	Pictures int64 `json:"pictures"` // so far
}

// Audio is what was found of the sound. What is zero or "" is not known.
type Audio struct {
	Codec      string `json:"codec,omitempty"`      // "AAC-LC", "HE-AAC", else the codec's name or FourCC
	SampleRate int    `json:"sampleRate,omitempty"` // in Hz, of what is heard: with SBR twice the core coder's
	Channels   int    `json:"channels,omitempty"`
	Bitrate    int    `json:"bitrate,omitempty"` // bit/s over the window, digital silence left out
	Silent     bool   `json:"silent,omitempty"`  // the whole window is digital silence
	Frames     int64  `json:"frames"`            // so far
}
