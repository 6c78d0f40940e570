package health

// Type names an issue. Callers key on it.
type Type string

// YouTube's names, as they stand in its API.
const (
	GOPSizeOver  Type = "gopSizeOver"
	GOPSizeLong  Type = "gopSizeLong"
	GOPSizeShort Type = "gopSizeShort"
	OpenGOP      Type = "openGop"

	BadContainer         Type = "badContainer"
	MultipleAudioStreams Type = "multipleAudioStreams"
	MultipleVideoStreams Type = "multipleVideoStreams"

	NoAudioStream        Type = "noAudioStream"
	AudioCodec           Type = "audioCodec"
	AudioSampleRate      Type = "audioSampleRate"
	AudioTooManyChannels Type = "audioTooManyChannels"
	AudioBitrateHigh     Type = "audioBitrateHigh"
	AudioBitrateLow      Type = "audioBitrateLow"

	NoVideoStream              Type = "noVideoStream"
	VideoCodec                 Type = "videoCodec"
	BitrateHigh                Type = "bitrateHigh"
	BitrateLow                 Type = "bitrateLow"
	InterlacedVideo            Type = "interlacedVideo"
	FrameRateHigh              Type = "frameRateHigh"
	VideoResolutionSuboptimal  Type = "videoResolutionSuboptimal"
	VideoResolutionUnsupported Type = "videoResolutionUnsupported"

	VideoIngestionStarved            Type = "videoIngestionStarved"
	VideoIngestionFasterThanRealtime Type = "videoIngestionFasterThanRealtime"

	ResolutionMismatch      Type = "resolutionMismatch"
	VideoCodecMismatch      Type = "videoCodecMismatch"
	VideoInterlaceMismatch  Type = "videoInterlaceMismatch"
	VideoProfileMismatch    Type = "videoProfileMismatch"
	VideoBitrateMismatch    Type = "videoBitrateMismatch"
	FramerateMismatch       Type = "framerateMismatch"
	GOPMismatch             Type = "gopMismatch"
	AudioSampleRateMismatch Type = "audioSampleRateMismatch"
	AudioStereoMismatch     Type = "audioStereoMismatch"
	AudioCodecMismatch      Type = "audioCodecMismatch"
	AudioBitrateMismatch    Type = "audioBitrateMismatch"
)

// Our own names, for what YouTube has none.
const (
	AudioSilent        Type = "audioSilent"
	TimestampJump      Type = "timestampJump"
	TimestampBackwards Type = "timestampBackwards"
	AudioVideoSkew     Type = "audioVideoSkew"
	NoMetadata         Type = "noMetadata"
	FirstFrameNotKey   Type = "firstFrameNotKeyframe"
	ArrivalPause       Type = "arrivalPause"
	NoSequenceHeader   Type = "noSequenceHeader"
	MalformedTag       Type = "malformedTag"
)
