package controls

import (
	"regexp"
	"strings"
)

// otherNames are what the tools and newer libraries call our controls.
var otherNames = map[string]string{
	"shutter": "shutter_speed", "exposure_time": "shutter_speed", "ss": "shutter_speed",
	"ev": "exposure_compensation", "exposure_value": "exposure_compensation",
	"exposure": "exposure_mode", "metering": "meter_mode", "metering_mode": "meter_mode",
	"awb": "awb_mode", "white_balance": "awb_mode", "awbgains": "awb_gains", "colour_gains": "awb_gains",
	"analogue_gain": "gain", "analog_gain": "gain", "analoggain": "gain",
	"roi": "zoom", "scaler_crop": "zoom", "flicker_period": "flicker", "flicker_avoidance": "flicker", "power_line_frequency": "flicker",
	"video_denoise": "denoise", "image_denoise": "denoise", "video_stabilisation": "video_stabilization", "vstab": "video_stabilization",
	"drc": "drc_strength", "imxfx": "image_effect", "colfx": "color_effects", "colour_effects": "color_effects", "annotate": "annotate_text",
	"mode": "sensor_mode", "focus": "lens_position", "autofocus": "autofocus_mode", "af_mode": "autofocus_mode",
}

// plainName is a word that may be repeated in a message; anything else could be
// a secret in the wrong place.
var plainName = regexp.MustCompile(`^[A-Za-z_-]{1,40}$`)

func unknown(name string) Problem {
	if !plainName.MatchString(name) {
		return Problem{Message: "unknown control", Hint: "a control has a name such as brightness"}
	}
	p := Problem{Name: name, Message: "unknown control", Hint: "the controls are " + listed(names(), "and")}
	normal := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if near, ok := otherNames[normal]; ok {
		p.Hint = "here it is called " + near
	} else if near := nearest(normal, names()); near != "" {
		p.Hint = "did you mean " + near + "?"
	}
	return p
}

// names returns the names of all controls, in the order of the table.
func names() []string {
	all := make([]string, len(specs))
	for i := range specs {
		all[i] = specs[i].Name
	}
	return all
}

// nearest returns the candidate that word is a slip or two of the finger away
// from, or "".
func nearest(word string, candidates []string) string {
	best, least := "", 3
	for _, c := range candidates {
		if d := distance(word, c); d < least && d < len(c)/2 {
			best, least = c, d
		}
	}
	return best
}

// distance is Levenshtein's, over the bytes of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, row[j]+1, above+1)
			diagonal = above
		}
	}
	return row[len(b)]
}

// listed joins words as a sentence does.
func listed(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
