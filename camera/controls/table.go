package controls

// A Control is one row of the table of controls.
type Control struct {
	Name     string
	What     string // what it does, in an operator's words
	Value    string // our unit and range
	Picamera string // how picamera's own units are taken, where they differ
	SameAs   string // the control that is the same by another name; only one of them may be set

	// How it is said to each kind of camera; empty where that has none.
	Rpicam, Raspivid, BCM2835, UVC string
}

// A spec is a Control, and how it is read and said.
type spec struct {
	Control
	parse   parser
	neutral any      // what a camera does by itself, so that no camera need be able to
	words   []string // of a choice

	rpicam, raspivid, bcm2835, uvc say
}

// on returns how the control is said to a kind of camera, or nil.
func (sp *spec) on(k Kind) say {
	switch k {
	case KindRpicam:
		return sp.rpicam
	case KindRaspivid:
		return sp.raspivid
	case KindBCM2835:
		return sp.bcm2835
	case KindUVC:
		return sp.uvc
	}
	return nil
}

// Table returns all controls. The caller owns it.
func Table() []Control {
	all := make([]Control, len(specs))
	for i := range specs {
		all[i] = specs[i].Control
	}
	return all
}

func find(name string) *spec {
	for i := range specs {
		if specs[i].Name == name {
			return &specs[i]
		}
	}
	return nil
}

// specs is the table. Values are said in its order: modes stand before what is
// set in them. It is made at run time because what it holds refers to it.
var specs []spec

func init() { specs = table() }

const hundred = "whole numbers beyond are picamera's, -100 to 100; its 1 and -1 are written 0.01 and -0.01"

var whole01 = [4]float64{0, 0, 1, 1}

func table() []spec {
	exposures := []string{"auto", "off", "night", "nightpreview", "backlight", "spotlight", "sports", "snow", "beach", "verylong", "fixedfps",
		"antishake", "fireworks", "custom"}
	meterings := []string{"average", "spot", "backlit", "matrix", "custom"}
	lights := []string{"auto", "off", "sunlight", "cloudy", "shade", "tungsten", "fluorescent", "incandescent", "flash", "horizon", "greyworld",
		"indoor", "custom"}
	effects := []string{"none", "negative", "solarize", "sketch", "denoise", "emboss", "oilpaint", "hatch", "gpen", "pastel", "watercolor",
		"film", "blur", "saturation", "colorswap", "washedout", "posterise", "colorpoint", "colorbalance", "cartoon"}
	flickers := []string{"off", "50hz", "60hz", "auto"}
	denoises := []string{"auto", "off", "cdn_off", "cdn_fast", "cdn_hq"}
	hdrs := []string{"off", "auto", "sensor", "single-exp"}
	focuses := []string{"default", "manual", "auto", "continuous"}
	ranges := []string{"normal", "macro", "full"}
	speeds := []string{"normal", "fast"}
	strengths := []string{"off", "low", "medium", "high"}
	profiles := []string{"baseline", "constrained", "main", "high"}

	return []spec{
		{
			Control: Control{
				Name: "brightness", What: "How bright the picture is.", Value: "-1 (black) to 1 (white), 0 is the middle",
				Picamera: "whole numbers beyond are picamera's, 2 to 100 with 50 the middle; its 0 and 1 are written -1 and -0.98",
				Rpicam:   "`--brightness`", Raspivid: "`-br`", BCM2835: "0x980900", UVC: "0x980900",
			},
			parse: balance(50), neutral: 0.0,
			rpicam: linear("--brightness", 0, 1), raspivid: percent("-br", 50, 50), bcm2835: balanceOf(idBrightness), uvc: balanceOf(idBrightness),
		},
		{
			Control: Control{
				Name: "contrast", What: "How far light and dark are apart.", Value: "-1 (grey) to 1 (double), 0 is the camera's own", Picamera: hundred,
				Rpicam: "`--contrast`", Raspivid: "`-co`", BCM2835: "0x980901", UVC: "0x980901",
			},
			parse: balance(0), neutral: 0.0,
			rpicam: linear("--contrast", 1, 1), raspivid: percent("-co", 0, 100), bcm2835: balanceOf(idContrast), uvc: balanceOf(idContrast),
		},
		{
			Control: Control{
				Name: "saturation", What: "How strong colors are.", Value: "-1 (black and white) to 1 (double), 0 is the camera's own", Picamera: hundred,
				Rpicam: "`--saturation`", Raspivid: "`-sa`", BCM2835: "0x980902", UVC: "0x980902",
			},
			parse: balance(0), neutral: 0.0,
			rpicam: linear("--saturation", 1, 1), raspivid: percent("-sa", 0, 100), bcm2835: balanceOf(idSaturation), uvc: balanceOf(idSaturation),
		},
		{
			Control: Control{
				Name: "sharpness", What: "How much edges are sharpened.", Value: "-1 (none) to 1 (double), 0 is the camera's own", Picamera: hundred,
				Rpicam: "`--sharpness`", Raspivid: "`-sh`", BCM2835: "0x98091b", UVC: "0x98091b",
			},
			parse: balance(0), neutral: 0.0,
			rpicam: linear("--sharpness", 1, 1), raspivid: percent("-sh", 0, 100), bcm2835: balanceOf(idSharpness), uvc: balanceOf(idSharpness),
		},
		{
			Control: Control{
				Name: "exposure_mode", What: "What the automatic exposure aims at.",
				Value:    listed(exposures, "or") + "; `sport` and `short` are sports, `long` is verylong, `normal` is auto",
				Picamera: "the same", Rpicam: "`--exposure`", Raspivid: "`-ex`", BCM2835: "0x9a091a, 0x9a0901", UVC: "0x9a0901, 0x98091c",
			},
			parse: words(exposures, map[any]string{"normal": "auto", "sport": "sports", "short": "sports", "long": "verylong", false: "off"}),
			words: exposures, neutral: "auto",
			rpicam: rpicamExposure, raspivid: raspividExposure, bcm2835: bcmExposure, uvc: uvcExposure,
		},
		{
			Control: Control{
				Name: "shutter_speed", What: "A fixed time that each picture is exposed for.", Value: "1 to 200000000 microseconds, 0 is automatic",
				Picamera: "the same", Rpicam: "`--shutter`", Raspivid: "`-ss`", BCM2835: "0x9a0901, 0x9a0902", UVC: "0x9a0901, 0x9a0902",
			},
			parse: whole(0, 200e6, "microseconds"), neutral: 0,
			rpicam: rpicamShutter, raspivid: raspividShutter, bcm2835: bcmShutter, uvc: uvcShutter,
		},
		{
			Control: Control{
				Name: "iso", What: "A fixed sensitivity, as an ISO value.", Value: "1 to 1600, 0 is automatic", SameAs: "gain",
				Picamera: "the same", Rpicam: "`--gain`", Raspivid: "`-ISO`", BCM2835: "0x9a0918, 0x9a0917", UVC: "0x980913",
			},
			parse: whole(0, mostISO, "ISO"), neutral: 0,
			rpicam: rpicamISO, raspivid: raspividISO, bcm2835: bcmISO, uvc: uvcISO,
		},
		{
			Control: Control{
				Name: "gain", What: "A fixed sensitivity, as a factor.", Value: "1 to 64, 0 is automatic", SameAs: "iso",
				Rpicam: "`--gain`", Raspivid: "`-ISO`", BCM2835: "0x9a0918, 0x9a0917", UVC: "0x980913",
			},
			parse: parseGain, neutral: 0.0,
			rpicam: rpicamGain, raspivid: raspividGain, bcm2835: bcmGain, uvc: uvcGain,
		},
		{
			Control: Control{
				Name: "exposure_compensation", What: "How much brighter than measured pictures are to be.",
				Value: "-25 to 25, in sixths of an EV: 6 is twice the light", Picamera: "the same",
				Rpicam: "`--ev`", Raspivid: "`-ev`", BCM2835: "0x9a0913",
			},
			parse: parseCompensation, neutral: 0,
			rpicam: rpicamCompensation, raspivid: option("-ev"), bcm2835: bcmCompensation,
		},
		{
			Control: Control{
				Name: "meter_mode", What: "Where in the picture light is measured.", Value: listed(meterings, "or") + "; `centre` is backlit", Picamera: "the same",
				Rpicam: "`--metering`", Raspivid: "`-mm`", BCM2835: "0x9a0919",
			},
			// No kind's own is the same as another's: libcamera starts with
			// centre, the firmware with average.
			parse: words(meterings, map[any]string{"centre": "backlit", "center": "backlit"}), words: meterings,
			rpicam: optionOf("--metering", rpicamMetering), raspivid: optionOf("-mm", raspividMetering), bcm2835: bcmMetering,
		},
		{
			Control: Control{
				Name: "awb_mode", What: "What light white is balanced for.",
				Value: listed(lights, "or") + "; `daylight` is sunlight, `normal` is auto", Picamera: "the same",
				Rpicam: "`--awb`", Raspivid: "`-awb`", BCM2835: "0x9a0914", UVC: "0x98090c, 0x98091a",
			},
			parse: words(lights, map[any]string{"daylight": "sunlight", "sun": "sunlight", "cloud": "cloudy", "normal": "auto", false: "off"}),
			words: lights, neutral: "auto",
			rpicam: rpicamBalanceMode, raspivid: optionOf("-awb", raspividBalance), bcm2835: menuOf(idBalanceMode, bcmBalance), uvc: uvcBalance,
		},
		{
			Control: Control{
				Name: "awb_gains", What: "A fixed white balance. awb_mode is to be off, or left out.", Value: "[red, blue], each 0.001 to 8",
				Picamera: "the same; one number is both", Rpicam: "`--awbgains`", Raspivid: "`-awb off -awbg`", BCM2835: "0x9a0914, 0x98090e, 0x98090f",
			},
			parse:  parseGains,
			rpicam: rpicamGains, raspivid: raspividGains, bcm2835: bcmGains,
		},
		{
			Control: Control{
				Name: "rotation", What: "How far the picture is turned, clockwise.", Value: "0, 90, 180 or 270 degrees",
				Picamera: "the same; 360 more or less is the same",
				Rpicam:   "`--rotation`, 0 and 180 only", Raspivid: "`-rot`", BCM2835: "0x980922",
			},
			parse: parseRotation, neutral: 0,
			rpicam: rpicamRotation, raspivid: option("-rot"), bcm2835: bcmRotation,
		},
		{
			Control: Control{
				Name: "hflip", What: "The picture as in a mirror.", Value: "true or false", Picamera: "the same",
				Rpicam: "`--hflip`", Raspivid: "`-hf`", BCM2835: "0x980914",
			},
			parse: parseBool, neutral: false,
			rpicam: toggle("--hflip"), raspivid: toggle("-hf"), bcm2835: switchOf(idHFlip),
		},
		{
			Control: Control{
				Name: "vflip", What: "The picture as in water.", Value: "true or false", Picamera: "the same",
				Rpicam: "`--vflip`", Raspivid: "`-vf`", BCM2835: "0x980915",
			},
			parse: parseBool, neutral: false,
			rpicam: toggle("--vflip"), raspivid: toggle("-vf"), bcm2835: switchOf(idVFlip),
		},
		{
			Control: Control{
				Name: "crop", What: "The part of the sensor that is shown.", Value: "[x, y, width, height], each 0 to 1", SameAs: "zoom", Picamera: "the same",
				Rpicam: "`--roi`", Raspivid: "`-roi`",
			},
			parse: parsePart, neutral: whole01,
			rpicam: rpicamZoom, raspivid: raspividZoom,
		},
		{
			Control: Control{
				Name: "zoom", What: "The part of the sensor that is shown, or a camera's own zoom.",
				Value: "[x, y, width, height], each 0 to 1; one number is the camera's own zoom, 0 (wide) to 1 (near)", SameAs: "crop",
				Picamera: "the same", Rpicam: "`--roi`", Raspivid: "`-roi`", UVC: "0x9a090d, one number only",
			},
			parse: parseZoom, neutral: whole01,
			rpicam: rpicamZoom, raspivid: raspividZoom, uvc: uvcZoom,
		},
		{
			Control: Control{
				Name: "flicker", What: "The mains frequency that lamps flicker with.", Value: listed(flickers, "or") + "; 50 and 60 are understood",
				Rpicam: "`--flicker-period` (1.2.2)", Raspivid: "`-fli`", BCM2835: "0x980918", UVC: "0x980918",
			},
			parse: words(flickers, map[any]string{false: "off", 50.0: "50hz", 60.0: "60hz", "50": "50hz", "60": "60hz"}), words: flickers, neutral: "off",
			rpicam: rpicamFlicker, raspivid: option("-fli"), bcm2835: menuOf(idPowerLine, powerLine), uvc: menuOf(idPowerLine, powerLine),
		},
		{
			Control: Control{
				Name: "denoise", What: "How noise is taken out of the picture.", Value: listed(denoises, "or"),
				Picamera: "its video_denoise: true is cdn_fast, false is off", Rpicam: "`--denoise`",
			},
			parse: words(denoises, map[any]string{true: "cdn_fast", false: "off"}), words: denoises, neutral: "auto",
			rpicam: option("--denoise"),
		},
		{
			Control: Control{
				Name: "hdr", What: "More between light and dark than the sensor has.", Value: listed(hdrs, "or") + "; true is auto",
				Rpicam: "`--hdr` (1.1.0; which, from 1.2.3)",
			},
			parse: words(hdrs, map[any]string{true: "auto", false: "off"}), words: hdrs, neutral: "off",
			rpicam: rpicamHDR,
		},
		{
			Control: Control{
				Name: "autofocus_mode", What: "Whether the lens is moved, and when.", Value: listed(focuses, "or"),
				Rpicam: "`--autofocus-mode` (1.0.2)", UVC: "0x9a090c",
			},
			parse: words(focuses, nil), words: focuses, neutral: "default",
			rpicam: optionSince("--autofocus-mode", 1, 0, 2), uvc: uvcFocusMode,
		},
		{
			Control: Control{
				Name: "autofocus_range", What: "How near autofocus looks.", Value: listed(ranges, "or"),
				Rpicam: "`--autofocus-range` (1.0.2)",
			},
			parse: words(ranges, nil), words: ranges, neutral: "normal",
			rpicam: optionSince("--autofocus-range", 1, 0, 2),
		},
		{
			Control: Control{
				Name: "autofocus_speed", What: "How fast autofocus moves the lens.", Value: listed(speeds, "or"),
				Rpicam: "`--autofocus-speed` (1.0.2)",
			},
			parse: words(speeds, nil), words: speeds, neutral: "normal",
			rpicam: optionSince("--autofocus-speed", 1, 0, 2),
		},
		{
			Control: Control{
				Name: "autofocus_window", What: "The part of the picture that autofocus looks at.", Value: "[x, y, width, height], each 0 to 1",
				Rpicam: "`--autofocus-window` (1.0.2)",
			},
			parse:  parsePart,
			rpicam: optionSince("--autofocus-window", 1, 0, 2),
		},
		{
			Control: Control{
				Name: "lens_position", What: "Where the lens stands. autofocus_mode is to be manual, or left out.",
				Value:  "0 (infinity) to 32 dioptres, or `default`; 2 is half a metre away",
				Rpicam: "`--lens-position` (1.0.2)", UVC: "0x9a090c, 0x9a090a",
			},
			parse:  parseLens,
			rpicam: rpicamLens, uvc: uvcLens,
		},
		{
			Control: Control{
				Name: "sensor_mode", What: "Which of its modes the sensor is read in.",
				Value:    `"WIDTH:HEIGHT:BITS:PACKING" on rpicam-vid, 1 to 7 on raspivid, 0 is automatic`,
				Picamera: "the same as raspivid's", Rpicam: "`--mode`", Raspivid: "`-md`",
			},
			parse: parseSensorMode, neutral: 0,
			rpicam: rpicamSensorMode, raspivid: raspividSensorMode,
		},
		{
			Control: Control{
				Name: "profile", What: "The profile of H.264.", Value: listed(profiles, "or"), Picamera: "the same",
				Rpicam: "`--profile`", Raspivid: "`-pf`", BCM2835: "0x990a6b",
			},
			parse: words(profiles, nil), words: profiles,
			rpicam: optionOf("--profile", hardwareProfiles), raspivid: optionOf("-pf", hardwareProfiles), bcm2835: menuOf(idProfile, bcmProfiles),
		},
		{
			Control: Control{
				Name: "level", What: "The level of H.264.", Value: "4, 4.1 or 4.2; others from 1 to 5.1 where they can be had", Picamera: "the same",
				Rpicam: "`--level`", Raspivid: "`-lev`", BCM2835: "0x990a67, up to 4",
			},
			parse:  parseLevel,
			rpicam: rpicamLevel, raspivid: optionOf("-lev", hardwareLevels), bcm2835: bcmLevel,
		},
		{
			Control: Control{
				Name: "video_stabilization", What: "Takes out shaking.", Value: "true or false", Picamera: "the same",
				Raspivid: "`-vs`", BCM2835: "0x9a0916",
			},
			parse: parseBool, neutral: false,
			raspivid: toggle("-vs"), bcm2835: switchOf(idStabilize),
		},
		{
			Control: Control{
				Name: "drc_strength", What: "How much the shadows are lightened.", Value: listed(strengths, "or"), Picamera: "the same",
				Raspivid: "`-drc`",
			},
			parse: words(strengths, map[any]string{false: "off", "med": "medium"}), words: strengths, neutral: "off",
			raspivid: optionOf("-drc", raspividDRC),
		},
		{
			Control: Control{
				Name: "image_effect", What: "An effect of the firmware.", Value: listed(effects, "or"), Picamera: "the same",
				Raspivid: "`-ifx`", BCM2835: "0x98091f",
			},
			parse: words(effects, map[any]string{
				false: "none", "solarise": "solarize", "watercolour": "watercolor", "colourswap": "colorswap", "posterize": "posterise",
				"colourpoint": "colorpoint", "colourbalance": "colorbalance",
			}),
			words: effects, neutral: "none",
			raspivid: optionOf("-ifx", raspividEffects), bcm2835: bcmEffect,
		},
		{
			Control: Control{
				Name: "color_effects", What: "One color for all of the picture.", Value: "[u, v], each 0 to 255, or none; [128, 128] is black and white",
				Picamera: "the same", Raspivid: "`-cfx`", BCM2835: "0x98091f, three pairs only",
			},
			parse: parseColorEffects, neutral: "none",
			raspivid: raspividColors, bcm2835: bcmColor,
		},
		{
			Control: Control{
				Name: "annotate_text", What: "Text in the picture.", Value: "up to 255 characters of ASCII", Picamera: "the same",
				Raspivid: "`-a`",
			},
			parse: parseText, neutral: "",
			raspivid: raspividText,
		},
	}
}
