package controls

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// webcam is a UVC camera whose ranges are nobody else's.
var webcam = map[uint32]Range{
	0x980900: {Min: -64, Max: 64, Step: 1, Default: 0},
	0x980901: {Min: 0, Max: 95, Step: 1, Default: 32},
	0x980902: {Min: 0, Max: 255, Step: 5, Default: 128},
	0x98090c: {Min: 0, Max: 1, Step: 1, Default: 1},
	0x980913: {Min: 16, Max: 46, Step: 2, Default: 20},
	0x980918: {Min: 0, Max: 2, Step: 1, Default: 2, Menu: map[int32]string{0: "Disabled", 1: "50 Hz", 2: "60 Hz"}},
	0x98091a: {Min: 2800, Max: 6500, Step: 10, Default: 4600},
	0x98091b: {Min: 1, Max: 7, Step: 1, Default: 2},
	0x98091c: {Min: 0, Max: 3, Step: 1, Default: 1},
	0x9a0901: {Min: 0, Max: 3, Step: 1, Default: 3, Menu: map[int32]string{1: "Manual Mode", 3: "Aperture Priority Mode"}},
	0x9a0902: {Min: 3, Max: 2047, Step: 1, Default: 250},
	0x9a090a: {Min: 0, Max: 250, Step: 5, Default: 0},
	0x9a090c: {Min: 0, Max: 1, Step: 1, Default: 1},
	0x9a090d: {Min: 100, Max: 500, Step: 1, Default: 100},
}

func asking(m map[uint32]Range) func(uint32) (Range, bool) {
	return func(id uint32) (Range, bool) { r, ok := m[id]; return r, ok }
}

type m = map[string]any

// golden is what each control is said as; "" where that camera refuses it.
var golden = []struct {
	set                            m
	rpicam, raspivid, bcm2835, uvc string
}{
	// brightness: (b-50)/50 of picamera's b.
	{m{"brightness": 0.1}, "--brightness 0.1", "-br 55", "980900=55", "980900=6"},
	{m{"brightness": 60}, "--brightness 0.2", "-br 60", "980900=60", "980900=13"},
	{m{"brightness": -1}, "--brightness -1", "-br 0", "980900=0", "980900=-64"},
	{m{"brightness": 100.0}, "--brightness 1", "-br 100", "980900=100", "980900=64"},
	{m{"brightness": uint64(50)}, "--brightness 0", "-br 50", "980900=50", "980900=0"},
	// contrast, saturation, sharpness: 1+c/100 of picamera's c.
	{m{"contrast": 20}, "--contrast 1.2", "-co 20", "980901=20", "980901=45"},
	{m{"contrast": -0.5}, "--contrast 0.5", "-co -50", "980901=-50", "980901=16"},
	{m{"contrast": 0}, "--contrast 1", "-co 0", "980901=0", "980901=32"},
	{m{"saturation": int64(-100)}, "--saturation 0", "-sa -100", "980902=-100", "980902=0"},
	{m{"saturation": 0.5}, "--saturation 1.5", "-sa 50", "980902=50", "980902=190"},
	{m{"sharpness": 1}, "--sharpness 2", "-sh 100", "98091b=100", "98091b=7"},
	{m{"sharpness": 7}, "--sharpness 1.07", "-sh 7", "98091b=7", "98091b=2"},

	{m{"shutter_speed": 20000}, "--shutter 20000", "-ss 20000", "9a0901=1 9a0902=200", "9a0901=1 9a0902=200"},
	{m{"shutter_speed": 0}, "ok", "ok", "9a0901=0", "9a0901=3"},
	{m{"shutter_speed": 2000000}, "--shutter 2000000", "-ss 2000000", "", ""},
	{m{"shutter_speed": 20}, "--shutter 20", "-ss 20", "", ""},
	{m{"iso": 400}, "--gain 4", "-ISO 400", "9a0918=0 9a0917=3", "980913=22"},
	{m{"iso": 320}, "--gain 3.2", "-ISO 320", "9a0918=0 9a0917=3", "980913=20"},
	{m{"iso": 0}, "ok", "ok", "9a0918=1", "ok"},
	{m{"iso": 1600}, "--gain 16", "-ISO 1600", "", "980913=46"},
	{m{"gain": 1}, "--gain 1", "-ISO 100", "9a0918=0 9a0917=1", "980913=16"},
	{m{"gain": 2.5}, "--gain 2.5", "-ISO 250", "9a0918=0 9a0917=2", "980913=20"},
	{m{"gain": 64}, "--gain 64", "", "", ""},
	{m{"exposure_compensation": 9}, "--ev 1.5", "-ev 9", "9a0913=17", ""},
	{m{"exposure_compensation": -1}, "--ev -0.1667", "-ev -1", "9a0913=11", ""},
	{m{"exposure_compensation": -24}, "--ev -4", "-ev -24", "9a0913=0", ""},
	{m{"exposure_compensation": 25}, "--ev 4.1667", "-ev 25", "", ""},
	{m{"exposure_mode": "auto"}, "--exposure normal", "-ex auto", "9a091a=0 9a0901=0", "9a0901=3"},
	{m{"exposure_mode": "sports"}, "--exposure sport", "-ex sports", "9a091a=11", ""},
	{m{"exposure_mode": "sport"}, "--exposure sport", "-ex sports", "9a091a=11", ""},
	{m{"exposure_mode": "night"}, "--exposure long", "-ex night", "9a091a=8", ""},
	{m{"exposure_mode": "verylong"}, "--exposure long", "-ex verylong", "", ""},
	{m{"exposure_mode": "snow"}, "--exposure normal", "-ex snow", "", ""},
	{m{"exposure_mode": "backlight"}, "--exposure normal", "-ex backlight", "", "9a0901=3 98091c=3"},
	{m{"exposure_mode": "off", "shutter_speed": 1000}, "--exposure normal --shutter 1000", "-ex off -ss 1000", "9a091a=0 9a0901=1 9a0902=10", "9a0901=1 9a0902=10"},
	{m{"meter_mode": "average"}, "--metering average", "-mm average", "9a0919=0", ""},
	{m{"meter_mode": "backlit"}, "--metering centre", "-mm backlit", "9a0919=1", ""},
	{m{"meter_mode": "centre"}, "--metering centre", "-mm backlit", "9a0919=1", ""},
	{m{"meter_mode": "spot"}, "--metering spot", "-mm spot", "9a0919=2", ""},
	{m{"meter_mode": "matrix"}, "--metering matrix", "-mm matrix", "", ""},
	{m{"awb_mode": "auto"}, "--awb auto", "-awb auto", "9a0914=1", "98090c=1"},
	{m{"awb_mode": "sunlight"}, "--awb daylight", "-awb sun", "9a0914=6", "98090c=0 98091a=5500"},
	{m{"awb_mode": "flash"}, "--awb daylight", "-awb flash", "9a0914=7", "98090c=0 98091a=6000"},
	{m{"awb_mode": "shade"}, "--awb cloudy", "-awb shade", "9a0914=9", "98090c=0 98091a=6500"},
	{m{"awb_mode": "horizon"}, "--awb tungsten", "-awb horizon", "9a0914=5", "98090c=0 98091a=2800"},
	{m{"awb_mode": "tungsten"}, "--awb tungsten", "-awb tungsten", "9a0914=4", "98090c=0 98091a=3200"},
	{m{"awb_mode": "greyworld"}, "", "-awb greyworld", "", ""},
	{m{"awb_mode": "off"}, "", "-awb off", "9a0914=0", "98090c=0"},
	{m{"awb_gains": []any{1.5, 2}}, "--awbgains 1.5,2", "-awb off -awbg 1.5,2", "9a0914=0 98090e=1500 98090f=2000", ""},
	{m{"awb_gains": 8, "awb_mode": "off"}, "--awbgains 8,8", "-awb off -awbg 8,8", "9a0914=0 98090e=7999 98090f=7999", ""},
	{m{"rotation": 180}, "--rotation 180", "-rot 180", "980922=180", ""},
	{m{"rotation": -90}, "", "-rot 270", "980922=270", ""},
	{m{"rotation": 450}, "", "-rot 90", "980922=90", ""},
	{m{"rotation": 360}, "--rotation 0", "-rot 0", "980922=0", "ok"},
	{m{"hflip": true}, "--hflip", "-hf", "980914=1", ""},
	{m{"hflip": false}, "ok", "ok", "980914=0", "ok"},
	{m{"vflip": true}, "--vflip", "-vf", "980915=1", ""},
	{m{"zoom": []any{0.25, 0.25, 0.5, 0.5}}, "--roi 0.25,0.25,0.5,0.5", "-roi 0.25,0.25,0.5,0.5", "", ""},
	{m{"zoom": []any{0, 0, 1, 1}}, "--roi 0,0,1,1", "-roi 0,0,1,1", "ok", "ok"},
	{m{"zoom": 0.5}, "", "", "", "9a090d=300"},
	{m{"crop": []any{0.7, 0, 0.3, 1}}, "--roi 0.7,0,0.3,1", "-roi 0.7,0,0.3,1", "", ""},
	{m{"flicker": "50hz"}, "--flicker-period 10000us", "-fli 50hz", "980918=1", "980918=1"},
	{m{"flicker": 60}, "--flicker-period 8333us", "-fli 60hz", "980918=2", "980918=2"},
	{m{"flicker": "auto"}, "", "-fli auto", "980918=3", ""},
	{m{"flicker": false}, "--flicker-period 0us", "-fli off", "980918=0", "980918=0"},
	{m{"denoise": true}, "--denoise cdn_fast", "", "", ""},
	{m{"denoise": false}, "--denoise off", "", "", ""},
	{m{"denoise": "cdn_hq"}, "--denoise cdn_hq", "", "", ""},
	{m{"denoise": "auto"}, "--denoise auto", "ok", "ok", "ok"},
	{m{"hdr": "single-exp"}, "--hdr single-exp", "", "", ""},
	{m{"hdr": true}, "--hdr auto", "", "", ""},
	{m{"autofocus_mode": "continuous"}, "--autofocus-mode continuous", "", "", "9a090c=1"},
	{m{"autofocus_mode": "manual"}, "--autofocus-mode manual", "", "", "9a090c=0"},
	{m{"autofocus_range": "macro"}, "--autofocus-range macro", "", "", ""},
	{m{"autofocus_speed": "fast"}, "--autofocus-speed fast", "", "", ""},
	{m{"autofocus_window": []any{0.1, 0.2, 0.3, 0.4}}, "--autofocus-window 0.1,0.2,0.3,0.4", "", "", ""},
	{m{"lens_position": 2}, "--lens-position 2", "", "", "9a090c=0 9a090a=15"},
	{m{"lens_position": 0.5, "autofocus_mode": "manual"}, "--autofocus-mode manual --lens-position 0.5", "", "", "9a090c=0 9a090a=5"},
	{m{"lens_position": "default"}, "--lens-position default", "", "", "9a090c=0 9a090a=0"},
	{m{"sensor_mode": "1640:1232:10:p"}, "--mode 1640:1232:10:P", "", "", ""},
	{m{"sensor_mode": 4}, "", "-md 4", "", ""},
	{m{"sensor_mode": 0}, "ok", "-md 0", "ok", "ok"},
	{m{"profile": "main"}, "--profile main", "-pf main", "990a6b=2", ""},
	{m{"profile": "HIGH"}, "--profile high", "-pf high", "990a6b=4", ""},
	{m{"profile": "constrained"}, "", "", "990a6b=1", ""},
	{m{"level": 4.0}, "--level 4", "-lev 4", "990a67=11", ""},
	{m{"level": "4.2"}, "--level 4.2", "-lev 4.2", "", ""},
	{m{"level": 3.1}, "", "", "990a67=9", ""},
	{m{"level": "1b"}, "", "", "990a67=1", ""},
	{m{"video_stabilization": true}, "", "-vs", "9a0916=1", ""},
	{m{"drc_strength": "medium"}, "", "-drc med", "", ""},
	{m{"image_effect": "solarize"}, "", "-ifx solarise", "98091f=13", ""},
	{m{"image_effect": "watercolour"}, "", "-ifx watercolour", "98091f=7", ""},
	{m{"image_effect": "cartoon"}, "", "-ifx cartoon", "", ""},
	{m{"color_effects": []any{128, 128}}, "", "-cfx 128:128", "98091f=1", ""},
	{m{"color_effects": []any{100, 200}}, "", "-cfx 100:200", "", ""},
	{m{"color_effects": []any{128, 128}, "image_effect": "none"}, "", "-ifx none -cfx 128:128", "98091f=1", ""},
	{m{"color_effects": "none"}, "ok", "ok", "98091f=0", "ok"},
	{m{"annotate_text": "Hall 1"}, "", "-a|Hall 1", "", ""},
	{m{"annotate_text": "2026"}, "", "-a|2026 ", "", ""},
	{m{"annotate_text": ""}, "ok", "ok", "ok", "ok"},

	// Not by the order that is written in, but modes before values.
	{
		m{"shutter_speed": 10000, "exposure_mode": "auto", "awb_gains": []any{1, 2}, "awb_mode": "off", "gain": 4, "brightness": 0.5},
		"--brightness 0.5 --exposure normal --shutter 10000 --gain 4 --awbgains 1,2",
		"-br 75 -ex auto -ss 10000 -ISO 400 -awb off -awbg 1,2",
		"980900=75 9a091a=0 9a0901=1 9a0902=100 9a0918=0 9a0917=3 9a0914=0 98090e=1000 98090f=2000",
		"",
	},
	// What makes nothing of another is said.
	{m{"awb_gains": 2, "awb_mode": "cloudy"}, "", "", "", ""},
	{m{"lens_position": 2, "autofocus_mode": "auto"}, "", "", "", ""},
	{m{"exposure_mode": "night", "shutter_speed": 1000}, "--exposure long --shutter 1000", "-ex night -ss 1000", "", ""},
	{m{"exposure_mode": "sports", "meter_mode": "spot"}, "--exposure sport --metering spot", "-ex sports -mm spot", "", ""},
	{m{"exposure_mode": "off"}, "--exposure normal", "-ex off", "", "9a0901=1"},
	{m{"image_effect": "film", "color_effects": []any{128, 128}}, "", "-ifx film -cfx 128:128", "", ""},
}

// TestSaid: every control ends up as an option or a V4L2 value, as the table of
// controls says.
func TestSaid(t *testing.T) {
	covered := map[string]bool{}
	for _, g := range golden {
		s, problems := Parse(g.set)
		if len(problems) > 0 {
			t.Errorf("%v: %v", g.set, problems)
			continue
		}
		for _, c := range []struct {
			kind Kind
			want string
		}{{KindRpicam, g.rpicam}, {KindRaspivid, g.raspivid}, {KindBCM2835, g.bcm2835}, {KindUVC, g.uvc}} {
			said, problems := sayTo(s, c.kind)
			text := strings.Join(said, " ")
			if strings.Contains(c.want, "|") {
				text = strings.Join(said, "|")
			}
			switch {
			case c.want == "" && len(problems) == 0:
				t.Errorf("%v: %s takes it as %s", g.set, c.kind, text)
			case c.want == "" && problems[0].Hint == "":
				t.Errorf("%v: %s refuses without saying who can: %v", g.set, c.kind, problems)
			case c.want == "":
			case len(problems) > 0:
				t.Errorf("%v: %s refuses: %v", g.set, c.kind, problems)
			case c.want == "ok" && text != "", c.want != "ok" && text != c.want:
				t.Errorf("%v: %s is told %q, want %q", g.set, c.kind, text, c.want)
			}
			if len(g.set) == 1 && c.want != "" && c.want != "ok" {
				name := s.Names()[0]
				covered[name+string(c.kind)] = true
				documented(t, name, c.kind, said)
			}
		}
	}
	for _, c := range Table() {
		for _, k := range kinds {
			if cell(c, k) != "" && !covered[c.Name+string(k)] {
				t.Errorf("nothing tests %s on %s", c.Name, k)
			}
			if can := slices.Contains(Capable(k), c.Name); can != (cell(c, k) != "") {
				t.Errorf("%s on %s: %v, but the table says %q", c.Name, k, can, cell(c, k))
			}
		}
	}
}

func sayTo(s Settings, k Kind) (said []string, problems []Problem) {
	switch k {
	case KindRpicam:
		return s.Rpicam(Version{1, 12, 0})
	case KindRaspivid:
		return s.Raspivid()
	}
	driver, device := "bcm2835 mmal", bcm2835
	if k == KindUVC {
		driver, device = "uvcvideo", webcam
	}
	values, problems := s.V4L2(driver, asking(device))
	for _, v := range values {
		if !slices.Contains(s.Names(), v.Name) {
			problems = append(problems, Problem{Name: v.Name, Message: "nobody asked for it"})
		}
		said = append(said, fmt.Sprintf("%x=%d", v.ID, v.Value))
	}
	return said, problems
}

func cell(c Control, k Kind) string {
	return map[Kind]string{KindRpicam: c.Rpicam, KindRaspivid: c.Raspivid, KindBCM2835: c.BCM2835, KindUVC: c.UVC}[k]
}

// documented: the option or the V4L2 control that is used stands in the table.
func documented(t *testing.T, name string, k Kind, said []string) {
	t.Helper()
	text := cell(find(name).Control, k)
	for i, word := range said {
		id, _, isValue := strings.Cut(word, "=")
		switch {
		case k == KindRpicam || k == KindRaspivid:
			if i == 0 && !strings.Contains(text, word) {
				t.Errorf("%s on %s is %s, but the table says %q", name, k, word, text)
			}
		case isValue && !strings.Contains(text, "0x"+id):
			t.Errorf("%s on %s is %s, but the table says %q", name, k, word, text)
		}
	}
}

// TestVersions: what a version does not know would end the tool.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		set     m
		version Version
		want    string // "" where it is refused
	}{
		{m{"flicker": 50}, Version{1, 2, 2}, "--flicker-period 10000us"},
		{m{"flicker": 50}, Version{1, 2, 1}, ""},
		{m{"flicker": "off"}, Version{1, 2, 1}, "ok"},
		{m{"hdr": true}, Version{1, 2, 3}, "--hdr auto"},
		{m{"hdr": "sensor"}, Version{1, 13, 0}, "--hdr sensor"},
		{m{"hdr": "sensor"}, Version{1, 2, 2}, "--hdr"},
		{m{"hdr": true}, Version{1, 1, 0}, "--hdr"},
		{m{"hdr": "single-exp"}, Version{1, 2, 2}, ""},
		{m{"hdr": "off"}, Version{1, 2, 2}, "ok"},
		{m{"hdr": true}, Version{1, 0, 9}, ""},
		{m{"hdr": false}, Version{1, 0, 9}, "ok"},
		{m{"autofocus_mode": "auto"}, Version{1, 0, 2}, "--autofocus-mode auto"},
		{m{"autofocus_mode": "auto"}, Version{1, 0, 1}, ""},
		{m{"autofocus_mode": "default"}, Version{1, 0, 1}, "ok"},
		{m{"autofocus_range": "full"}, Version{1, 0, 1}, ""},
		{m{"autofocus_speed": "fast"}, Version{1, 0, 1}, ""},
		{m{"autofocus_window": []any{0, 0, 0.5, 0.5}}, Version{1, 0, 1}, ""},
		{m{"lens_position": 1}, Version{1, 0, 1}, ""},
		{m{"lens_position": 1}, Version{2, 0, 0}, "--lens-position 1"},
		// Bare microseconds and plain decimals were always understood.
		{m{"shutter_speed": 200000000}, Version{1, 0, 0}, "--shutter 200000000"},
		{m{"brightness": 0.0001}, Version{1, 0, 0}, "--brightness 0.0001"},
	} {
		s, problems := Parse(c.set)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		args, problems := s.Rpicam(c.version)
		text := strings.Join(args, " ")
		switch {
		case c.want == "":
			if len(problems) != 1 || text != "" || !strings.Contains(problems[0].Message, "this is "+c.version.String()) || problems[0].Hint == "" {
				t.Errorf("%v on %s: %q, %v", c.set, c.version, text, problems)
			}
		case len(problems) > 0 || strings.TrimPrefix(c.want, "ok") != text:
			t.Errorf("%v on %s: %q, %v; want %q", c.set, c.version, text, problems, c.want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	v := Version{1, 12, 3}
	for _, c := range []struct {
		n    Version
		want bool
	}{
		{Version{1, 12, 3}, true}, {Version{1, 12, 2}, true}, {Version{1, 2, 9}, true}, {Version{0, 99, 99}, true},
		{Version{1, 12, 4}, false}, {Version{1, 13, 0}, false}, {Version{2, 0, 0}, false},
	} {
		if got := v.AtLeast(c.n[0], c.n[1], c.n[2]); got != c.want {
			t.Errorf("%s at least %s: %v", v, c.n, got)
		}
	}
}

// TestTools: a software encoder has more levels, and the second camera module
// has its own ISO.
func TestTools(t *testing.T) {
	s, _ := Parse(m{"level": 3.1, "iso": 100})
	args, problems := s.RpicamFor(Tool{Version: Version{1, 12, 0}, Libav: true, Sensor: "imx219"})
	if got := strings.Join(args, " "); got != "--gain 1.84 --level 3.1" || len(problems) > 0 {
		t.Errorf("%q, %v", got, problems)
	}
}

// TestWhoCan: a problem says what can do it.
func TestWhoCan(t *testing.T) {
	for _, c := range []struct {
		set  m
		kind Kind
		want string
	}{
		{m{"rotation": 90}, KindRpicam, "control rotation: rpicam-vid cannot turn the picture by 90, only by 0 and 180; raspivid and bcm2835-v4l2 can"},
		{m{"denoise": "off"}, KindRaspivid, "control denoise: raspivid has no such control; rpicam-vid can"},
		{m{"image_effect": "sketch"}, KindRpicam, "control image_effect: rpicam-vid has no such control; raspivid and bcm2835-v4l2 can"},
		{m{"hflip": true}, KindUVC, "control hflip: a UVC camera has no such control; rpicam-vid, raspivid and bcm2835-v4l2 can"},
		{m{"flicker": "auto"}, KindUVC, "control flicker: this camera cannot do auto (value 3 of V4L2 control 0x980918); raspivid and bcm2835-v4l2 can"},
		{m{"level": 3.1}, KindRpicam, "control level: the Pi's encoder has the levels 4, 4.1 and 4.2, not 3.1; a Pi 5 has others, as it encodes in software"},
		{m{"level": 5}, KindRaspivid, "control level: raspivid cannot do 5; rpicam-vid can"},
		{m{"awb_mode": "greyworld"}, KindBCM2835, "control awb_mode: bcm2835-v4l2 cannot do greyworld; raspivid can"},
		{m{"shutter_speed": 500000}, KindUVC, "control shutter_speed: want 300 to 204700 microseconds on this camera, got 500000; 0 is automatic"},
		{m{"gain": 20}, KindBCM2835, "control gain: bcm2835-v4l2 cannot do 20, only ISO 100 to 800, which are gains of 1 to 8; rpicam-vid can"},
		{m{"awb_gains": 2, "awb_mode": "auto"}, KindRaspivid, "control awb_gains: has no effect while awb_mode is auto; set awb_mode: off, or remove it"},
	} {
		s, problems := Parse(c.set)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		_, problems = sayTo(s, c.kind)
		if len(problems) != 1 || problems[0].Error() != c.want {
			t.Errorf("%v on %s:\n got %v\nwant %s", c.set, c.kind, problems, c.want)
		}
	}
}

// TestCheck: before there is a camera, what none of the possible ones can do is
// a problem.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		set   m
		kinds []Kind
		want  string // names
	}{
		{m{"rotation": 90, "denoise": "off", "hflip": true}, []Kind{KindRpicam, KindRaspivid}, ""},
		{m{"rotation": 90}, []Kind{KindRpicam, KindRaspivid, KindUVC}, ""},
		{m{"rotation": 90, "denoise": "off", "hflip": true}, []Kind{KindRpicam}, "rotation"},
		{m{"rotation": 90, "denoise": "off", "zoom": 0.5}, []Kind{KindBCM2835, KindUVC}, "denoise"},
		{m{"level": 3.1, "flicker": "auto", "shutter_speed": 100000000}, []Kind{KindRpicam}, "flicker"},
		{m{"brightness": 0.5, "hflip": false}, nil, "brightness"},
		{m{"hflip": false}, nil, ""},
		{nil, kinds, ""},
	} {
		s, _ := Parse(c.set)
		var names []string
		for _, p := range s.Check("file", c.kinds...) {
			names = append(names, p.Name)
			if !strings.HasSuffix(p.Hint, " can") {
				t.Errorf("%v: who can? %v", c.set, p)
			}
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%v on %v: problems of %q, want %q", c.set, c.kinds, got, c.want)
		}
	}
}

// TestV4L2Devices: ranges as devices have them, and as none should.
func TestV4L2Devices(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    m
		device map[uint32]Range
		want   string
	}{
		{"nothing", m{"brightness": 0.5}, nil, ""},
		{"nothing wanted", m{"brightness": 0}, nil, "ok"},
		{"no mode switch", m{"shutter_speed": 1000}, map[uint32]Range{0x9a0902: {Min: 1, Max: 100, Step: 1}}, "9a0902=10"},
		{"the other automatic", m{"exposure_mode": "auto"}, map[uint32]Range{0x9a0901: {Max: 3, Menu: map[int32]string{0: "Auto", 1: "Manual"}}}, "9a0901=0"},
		{"no step", m{"brightness": 0.5}, map[uint32]Range{0x980900: {Min: 0, Max: 10, Default: 5}}, "980900=8"},
		{"step beyond the end", m{"brightness": 1}, map[uint32]Range{0x980900: {Min: 0, Max: 10, Step: 4, Default: 4}}, "980900=8"},
		{"upside down", m{"brightness": 1}, map[uint32]Range{0x980900: {Min: 10, Max: 0, Step: 1}}, ""},
		{"default outside", m{"brightness": 0}, map[uint32]Range{0x980900: {Min: 0, Max: 10, Step: 1, Default: 100}}, "980900=10"},
		{"all of 32 bits", m{"brightness": -1}, map[uint32]Range{0x980900: {Min: -1 << 31, Max: 1<<31 - 1, Step: 1}}, "980900=-2147483648"},
		{"all of 32 bits", m{"brightness": 1}, map[uint32]Range{0x980900: {Min: -1 << 31, Max: 1<<31 - 1, Step: 1}}, "980900=2147483647"},
	} {
		s, _ := Parse(c.set)
		values, problems := s.V4L2("uvcvideo", asking(c.device))
		var said []string
		for _, v := range values {
			said = append(said, fmt.Sprintf("%x=%d", v.ID, v.Value))
		}
		if got := strings.Join(said, " "); (len(problems) > 0) != (c.want == "") || got != strings.TrimPrefix(c.want, "ok") {
			t.Errorf("%s: %q, %v; want %q", c.name, got, problems, c.want)
		}
	}
}

// TestV4L2Change: a change sets what is new, and lets go of what is gone: the
// value while its mode still stands, then the mode.
func TestV4L2Change(t *testing.T) {
	for _, c := range []struct {
		old, new m
		want     string
	}{
		{m{"brightness": 0.5}, m{"brightness": 0.5}, ""},
		{m{"brightness": 0.5}, m{"brightness": -0.5}, "980900=-32"},
		{m{"brightness": 0.5}, m{}, "980900=0"},
		{m{}, m{"shutter_speed": 10000}, "9a0901=1 9a0902=100"},
		{m{"shutter_speed": 20000}, m{"shutter_speed": 10000}, "9a0902=100"},
		{m{"shutter_speed": 20000}, m{"exposure_mode": "auto"}, "9a0902=250 9a0901=3"},
		{m{"shutter_speed": 20000}, m{"contrast": 1}, "9a0902=250 9a0901=3 980901=95"},
		{m{"awb_mode": "shade"}, m{"awb_mode": "tungsten"}, "98091a=3200"},
		{m{"awb_mode": "shade"}, m{"awb_mode": "auto"}, "98091a=4600 98090c=1"},
	} {
		old, _ := Parse(c.old)
		s, _ := Parse(c.new)
		values, problems := s.V4L2Change(old, "uvcvideo", asking(webcam))
		var said []string
		for _, v := range values {
			said = append(said, fmt.Sprintf("%x=%d", v.ID, v.Value))
		}
		if got := strings.Join(said, " "); got != c.want || len(problems) > 0 {
			t.Errorf("%v to %v: %q, %v; want %q", c.old, c.new, got, problems, c.want)
		}
	}
}

func TestKindOfDriver(t *testing.T) {
	want := map[string]Kind{"bcm2835 mmal": KindBCM2835, "bm2835 mmal": KindBCM2835, "uvcvideo": KindUVC, "v4l2 loopback": KindUVC, "": KindUVC}
	for _, driver := range slices.Sorted(maps.Keys(want)) {
		if got := KindOfDriver(driver); got != want[driver] {
			t.Errorf("%q is %q", driver, got)
		}
	}
}
