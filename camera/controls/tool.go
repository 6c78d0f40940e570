package controls

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A Version is that of rpicam-apps: 1.12.0.
type Version [3]int

// AtLeast reports whether the version is this one or a later one.
func (v Version) AtLeast(major, minor, patch int) bool {
	for i, n := range [3]int{major, minor, patch} {
		if v[i] != n {
			return v[i] > n
		}
	}
	return true
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// A Tool is one rpicam-vid or libcamera-vid.
type Tool struct {
	Version Version
	Libav   bool   // it encodes in software, as on a Pi 5: more levels of H.264
	Sensor  string // such as imx219, if known: ISO means another gain there
}

// newest can whatever any can.
var newest = Tool{Version: Version{1, 13, 0}, Libav: true}

// Rpicam returns the options of rpicam-vid or libcamera-vid of that version
// with the hardware encoder, one argv entry each: "--brightness", "0.2". The
// problems name what it cannot do, and who can; the options are without that.
func (s Settings) Rpicam(v Version) (args []string, problems []Problem) {
	return s.RpicamFor(Tool{Version: v})
}

// RpicamFor is Rpicam where more is known of the tool and its camera.
func (s Settings) RpicamFor(tool Tool) (args []string, problems []Problem) {
	t := &target{s: s, kind: KindRpicam, tool: tool}
	t.translate()
	return t.args, s.elsewhere(t.kind, t.problems)
}

// Raspivid returns the options of raspivid, one argv entry each: "-br", "60".
// The problems name what it cannot do, and who can.
func (s Settings) Raspivid() (args []string, problems []Problem) {
	t := &target{s: s, kind: KindRaspivid}
	t.translate()
	return t.args, s.elsewhere(t.kind, t.problems)
}

// since reports whether the tool has an option that came with a version; an
// unknown option would end it.
func (t *target) since(option string, major, minor, patch int) bool {
	if t.tool.Version.AtLeast(major, minor, patch) {
		return true
	}
	t.fail(fmt.Sprintf("needs %s of rpicam-apps %d.%d.%d, this is %s", option, major, minor, patch, t.tool.Version), "upgrade rpicam-apps, or remove it")
	return false
}

// A say tells a control's value to a target.
type say = func(t *target, v any)

// option gives a value as it is.
func option(name string) say { return func(t *target, v any) { t.opt(name, plain(v)) } }

// optionSince gives a value as it is from a version on.
func optionSince(name string, major, minor, patch int) say {
	return func(t *target, v any) {
		if t.since(name, major, minor, patch) {
			t.opt(name, plain(v))
		}
	}
}

// optionOf gives the tool's word for ours.
func optionOf(name string, words map[string]string) say {
	return func(t *target, v any) {
		if w, ok := words[v.(string)]; ok {
			t.opt(name, w)
		} else {
			t.refuseValue(v)
		}
	}
}

// toggle gives an option without a value.
func toggle(name string) say {
	return func(t *target, v any) {
		if v.(bool) {
			t.opt(name)
		}
	}
}

// linear gives a balance in the tool's unit: middle, and scale away from it.
func linear(name string, middle, scale float64) say {
	return func(t *target, v any) { t.opt(name, decimal(middle+scale*v.(float64))) }
}

// percent is linear in whole numbers.
func percent(name string, middle, scale float64) say {
	return func(t *target, v any) { t.opt(name, decimal(math.Round(middle+scale*v.(float64)))) }
}

// plain prints a value as the tools read it.
func plain(v any) string {
	switch v := v.(type) {
	case [2]int:
		return fmt.Sprintf("%d:%d", v[0], v[1])
	case [2]float64, [4]float64:
		return strings.NewReplacer("[", "", "]", "", " ", "").Replace(show(v))
	}
	return show(v)
}

func (t *target) part(name string, v any) {
	if _, ok := v.([4]float64); !ok {
		t.refuse("cannot do %s: it wants [x, y, width, height]", show(v))
		return
	}
	t.opt(name, plain(v))
}

func rpicamZoom(t *target, v any)   { t.part("--roi", v) }
func raspividZoom(t *target, v any) { t.part("-roi", v) }

// isoOfImx219 is how much gain the second camera module's ISO stands for
// against the first's, where ISO 100 is a gain of 1.
const isoOfImx219 = 1.84

func rpicamISO(t *target, v any) {
	gain := float64(v.(int)) / 100
	if t.tool.Sensor == "imx219" {
		gain *= isoOfImx219
	}
	rpicamGain(t, gain)
}

func rpicamGain(t *target, v any) {
	if v.(float64) > 0 { // or it is automatic
		t.opt("--gain", plain(v))
	}
}

// mostISO is what raspivid's firmware takes at most.
const mostISO = 1600

func raspividISO(t *target, v any) {
	if v.(int) > 0 {
		t.opt("-ISO", plain(v))
	}
}

func raspividGain(t *target, v any) {
	iso := int(math.Round(v.(float64) * 100))
	if iso > mostISO {
		t.refuse("cannot do %s: it has gains of 1 to %d", show(v), mostISO/100)
		return
	}
	raspividISO(t, iso)
}

func rpicamShutter(t *target, v any) {
	if v.(int) > 0 { // bare microseconds are understood by all versions
		t.opt("--shutter", plain(v))
	}
}

func raspividShutter(t *target, v any) {
	if v.(int) > 0 {
		t.opt("-ss", plain(v))
	}
}

func rpicamCompensation(t *target, v any) { t.opt("--ev", decimal(float64(v.(int))/6)) }

// rpicamExposure are libcamera's three ways of dividing light into shutter and
// gain; picamera's other scenes were the firmware's.
func rpicamExposure(t *target, v any) {
	mode := "normal"
	switch v {
	case "sports":
		mode = "sport"
	case "night", "verylong":
		mode = "long"
	case "custom":
		mode = "custom"
	}
	t.opt("--exposure", mode)
}

func raspividExposure(t *target, v any) {
	if v == "custom" {
		t.refuseValue(v)
		return
	}
	t.opt("-ex", plain(v))
}

var rpicamMetering = map[string]string{"average": "average", "spot": "spot", "backlit": "centre", "matrix": "matrix", "custom": "custom"}

var raspividMetering = map[string]string{"average": "average", "spot": "spot", "backlit": "backlit", "matrix": "matrix"}

var rpicamBalance = map[string]string{
	"auto": "auto", "sunlight": "daylight", "flash": "daylight", "cloudy": "cloudy", "shade": "cloudy", "tungsten": "tungsten",
	"horizon": "tungsten", "fluorescent": "fluorescent", "incandescent": "incandescent", "indoor": "indoor", "custom": "custom",
}

func rpicamBalanceMode(t *target, v any) {
	switch v {
	case "off":
		if _, ok := t.s.values["awb_gains"]; !ok {
			t.fail("off needs awb_gains", "set awb_gains: [red, blue]")
		}
	case "greyworld":
		t.refuse("has greyworld in a tuning file only")
	default:
		optionOf("--awb", rpicamBalance)(t, v)
	}
}

func rpicamGains(t *target, v any) {
	if !t.gainsAgainstMode() {
		t.opt("--awbgains", plain(v))
	}
}

var raspividBalance = map[string]string{
	"off": "off", "auto": "auto", "sunlight": "sun", "cloudy": "cloud", "shade": "shade", "tungsten": "tungsten", "fluorescent": "fluorescent",
	"incandescent": "incandescent", "flash": "flash", "horizon": "horizon", "greyworld": "greyworld",
}

func raspividGains(t *target, v any) {
	if t.gainsAgainstMode() {
		return
	}
	if t.s.word("awb_mode") == "" {
		t.opt("-awb", "off") // gains are looked at then only
	}
	t.opt("-awbg", plain(v))
}

func rpicamRotation(t *target, v any) {
	if v != 0 && v != 180 {
		t.refuse("cannot turn the picture by %s, only by 0 and 180", show(v))
		return
	}
	t.opt("--rotation", plain(v))
}

func rpicamFlicker(t *target, v any) {
	period := map[any]string{"off": "0us", "50hz": "10000us", "60hz": "8333us"}[v]
	switch {
	case period == "":
		t.refuse("cannot find the mains frequency by itself: set 50hz or 60hz")
	case t.since("--flicker-period", 1, 2, 2):
		t.opt("--flicker-period", period)
	}
}

func rpicamHDR(t *target, v any) {
	if t.tool.Version.AtLeast(1, 2, 3) {
		t.opt("--hdr", plain(v))
		return
	}
	if !t.since("--hdr", 1, 1, 0) || v == "off" {
		return
	}
	if v == "single-exp" {
		t.since("--hdr single-exp", 1, 2, 3)
		return
	}
	t.opt("--hdr") // on or off, of the sensor, up to 1.2.2
}

func rpicamLens(t *target, v any) {
	if t.since("--lens-position", 1, 0, 2) && !t.lensAgainstMode() {
		t.opt("--lens-position", plain(v))
	}
}

func rpicamSensorMode(t *target, v any) {
	switch v := v.(type) {
	case string:
		t.opt("--mode", v)
	case int:
		if v != 0 {
			t.refuse(`has no numbered sensor modes: write it as "1640:1232:10:P"`)
		}
	}
}

func raspividSensorMode(t *target, v any) {
	if _, ok := v.(int); !ok {
		t.refuse("has numbered sensor modes only, 0 to 7")
		return
	}
	t.opt("-md", plain(v))
}

// The profiles and levels that the Pi's encoder takes.
var (
	hardwareProfiles = map[string]string{"baseline": "baseline", "main": "main", "high": "high"}
	hardwareLevels   = map[string]string{"4": "4", "4.1": "4.1", "4.2": "4.2"}
)

func rpicamLevel(t *target, v any) {
	_, err := strconv.ParseFloat(v.(string), 64)
	switch {
	case t.tool.Libav && err == nil: // 1b is none
		t.opt("--level", plain(v))
	case t.tool.Libav:
		t.refuseValue(v)
	case hardwareLevels[v.(string)] == "":
		t.fail("the Pi's encoder has the levels 4, 4.1 and 4.2, not "+show(v), "a Pi 5 has others, as it encodes in software")
	default:
		t.opt("--level", plain(v))
	}
}

var raspividDRC = map[string]string{"off": "off", "low": "low", "medium": "med", "high": "high"}

var raspividEffects = map[string]string{
	"none": "none", "negative": "negative", "solarize": "solarise", "sketch": "sketch", "denoise": "denoise", "emboss": "emboss",
	"oilpaint": "oilpaint", "hatch": "hatch", "gpen": "gpen", "pastel": "pastel", "watercolor": "watercolour", "film": "film", "blur": "blur",
	"saturation": "saturation", "colorswap": "colourswap", "washedout": "washedout", "posterise": "posterise", "colorpoint": "colourpoint",
	"colorbalance": "colourbalance", "cartoon": "cartoon",
}

func raspividColors(t *target, v any) {
	if v != "none" {
		t.opt("-cfx", plain(v))
	}
}

// mereNumber is what scanf's %u takes for one.
var mereNumber = regexp.MustCompile(`^[ \n]*[+-]?[0-9]+$`)

func raspividText(t *target, v any) {
	text := v.(string)
	if mereNumber.MatchString(text) {
		text += " " // or it would be a set of flags
	}
	if text != "" {
		t.opt("-a", text)
	}
}
