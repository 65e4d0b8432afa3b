"""The twelve intents of a message to a coach: where it is routed."""

from __future__ import annotations

from groundwell.retrieval.intent import IntentClassifier, cue

_ASKS = (
    r"\?|^(?:what|who|when|where|why|how|which|is|are|do|does|can|could|should|would|will|may)"
    r"\b|^did\s(?:i|you|we|he|she|they|it)\b|\b(?:how\s(?:do|can|should)\si|can\si|should\si|what\sis|tell\sme)\b"
)
_LIFT = (
    r"(?:squats?|bench(?:\spress)?|dead\s?lifts?|rdls?|ohp|press(?:es)?|rows?|curls?|pull[\s-]?ups?"
    r"|chin[\s-]?ups?|push[\s-]?ups?|dips?|lunges?|snatch(?:es)?|cleans?|thrusters?|leg\spress)"
)
_BODY = (
    r"(?:shoulders?|knees?|backs?|elbows?|wrists?|hips?|ankles?|necks?|shins?|hamstrings?|quads?|"
    r"achilles|groin|foot|feet|calf|calves|chest|heels?|biceps?|triceps?|glutes?|spine|rotator\scuff)"
)
_RACE = r"(?:5\s?k|10\s?k|half[\s-]marathon|marathon|ultra|race|triathlon|parkrun)"
_PLAN = r"(?:program(?:me)?s?|plans?|routines?|splits?|schedules?|mesocycles?|periodi[sz]ation)"

COACH_CUES = (
    cue(
        "log_workout",
        0.75,
        "sets and repetitions",
        rf"\b\d+\s?[x×]\s?\d\d?\b(?!\s?(?:m|km|k|mi)\b)|\b\d+\ssets?\s(?:of|x)\s\d+"
        rf"|{_LIFT}\W+(?:\w+\s){{0,2}}\d+\s?(?:kg|lbs?|x|×|@|for\s\d)",
        _ASKS + r"|\b(?:program|plan|routine)",
    ),
    cue(
        "log_workout",
        0.8,
        "tells of a session",
        rf"\b(?:log|record|add|track|save)\s(?:my|a|the|this|today's)?\s?(?:workout|session|sets?|"
        rf"lifts?|{_LIFT})\b|\b(?:i\s)?(?:did|done|finished|completed|hit)\b.*\b(?:{_LIFT}|sets?|"
        rf"reps?|workout|session|leg\sday|push\sday|pull\sday)\b",
        _ASKS,
    ),
    cue(
        "log_run",
        0.85,
        "a run with its distance or time",
        r"\b(?:ran|run|jog(?:ged)?|jogging|running)\b.*\b\d+(?:[.,:]\d+)?\s?(?:k|km|kms|mi|miles?|m|"
        r"min(?:ute)?s?|hours?|h)\b|\b\d+(?:[.,]\d+)?\s?(?:k|km|mi|miles?|min(?:ute)?s?)\s"
        r"(?:easy|tempo|long|recovery|run|jog|in\s\d)|\bmarathon\s(?:in\s)?\d+:\d\d",
        _ASKS + r"|\b(?:program|plan|want\sto|goal|train\sfor)",
    ),
    cue(
        "log_run",
        0.8,
        "intervals",
        r"\b\d+\s?[x×]\s?\d{3,4}\s?m?\b(?=.*(?:@|\bin\b|w/|jog|rest|\d:\d\d))",
        _ASKS,
    ),
    cue(
        "injury",
        0.7,
        "pain or an injury",
        r"\b(?:pain(?:s|ful)?|hurt(?:s|ing)?|ach(?:e|es|ing)|injur(?:y|ies|ed)|sprain(?:ed)?|"
        r"strain(?:ed)?|tend[io]n[io]tis|tendinopathy|tweaked|torn|tore|swollen|swelling|numb(?:ness)?|"
        r"tingling|impingement|herniat\w+|sciatica|shin\ssplints|plantar\sfasciitis)\b",
    ),
    cue(
        "injury",
        0.5,
        "something is wrong with a part of the body",
        rf"\b{_BODY}\b.*\b(?:pain|hurts?|sore|stiff|clicks?|pops?|popped|injured|bothers?|bad)\b"
        rf"|\b(?:pulled|bad|sore|stiff|injured|tweaked)\s(?:my\s)?(?:\w+\s)?{_BODY}\b",
    ),
    cue(
        "swap_exercise",
        0.85,
        "wants another exercise",
        r"\b(?:swap|replace|substitut\w*|alternatives?|replacement|exchange)\b|\binstead\sof\b|"
        r"\bwhat\scan\si\sdo\s(?:without|if\si)\b",
        r"\b(?:milk|sugar|meat|butter|rice)\b",
    ),
    cue(
        "program_strength",
        0.8,
        "wants a plan for strength",
        rf"\b{_PLAN}\b.*\b(?:strength|hypertrophy|muscles?|lift\w*|gym|mass|power\w*|bodybuilding|"
        rf"upper|lower|full[\s-]body|{_LIFT})\b|\b(?:strength|hypertrophy|muscle|lifting|gym|"
        rf"powerlifting|bodybuilding|upper|full[\s-]body|push[\s/]pull|ppl|5x5|{_LIFT})\b.*\b{_PLAN}\b",
    ),
    cue(
        "program_strength",
        0.7,
        "wants a training plan",
        rf"\b(?:make|build|create|design|give|write|need|want)\b.*\b(?:workout|training)?\s?{_PLAN}\b"
        r"|\bdays\s(?:a|per)\sweek\b",
        rf"\b(?:run\w*|meal|diet|{_RACE})\b",
    ),
    cue(
        "program_running",
        0.85,
        "wants a plan for running",
        rf"\b{_PLAN}\b.*\b(?:run\w*|{_RACE})\b|\b(?:run\w*|{_RACE})\b.*\b{_PLAN}\b|"
        rf"\b(?:train|training|prepare|ready)\sfor\s(?:a|an|my|the)?\s?(?:first\s)?{_RACE}\b|"
        r"\bcouch\sto\s5\s?k\b",
    ),
    cue(
        "analytics",
        0.8,
        "asks about the own records",
        r"\bmy\s(?:\w+\s){0,2}(?:progress|trends?|volume|prs?|records?|stats|statistics|history|"
        r"averages?|pace|1rm|e1rm|numbers|streak|tonnage|load)\b|\bhow\s(?:much|many|often|far)\s"
        r"(?:\w+\s)?(?:did|have|was)\si\b|\bam\si\s(?:getting|improving|progressing)\b|"
        r"\bshow\s(?:me\s)?my\b",
    ),
    cue(
        "nutrition",
        0.75,
        "speaks of food",
        r"\b(?:calori\w+|kcal|macros?|protein|diet\w*|eat(?:ing|s)?|ate|meals?|creatine|supplements?|"
        r"carb\w*|fats?|bulk(?:ing)?|cutting|hydrat\w+|caffeine|breakfast|lunch|dinner|snacks?|"
        r"vitamins?|whey|fasting|food|sugar|nutrition\w*|electrolytes?)\b",
    ),
    cue(
        "onboarding",
        0.75,
        "a new user introduces themselves",
        r"\b(?:get(?:ting)?\sstarted|new\shere|set\s?up\smy|create\smy\s(?:profile|account)|"
        r"sign(?:ed)?\sup|just\sjoined|first\stime\s(?:here|using))\b|\bmy\s(?:height|weight|age)\sis\b"
        r"|\bi(?:'m|\sam)\s\d\d\s?(?:years|yo|y/o|,)|\bi\s(?:weigh|train)\s\d|"
        r"\bi(?:'m|\sam)\sa\sbeginner\b|\bmy\sgoal\sis\b|\bi\s(?:own|have)\s(?:a\s)?(?:\w+\s)?"
        r"(?:dumbbells?|barbell|rack|kettlebells?|home\sgym)\b",
        r"\?",
    ),
    cue(
        "smalltalk",
        0.95,
        "a greeting or thanks",
        r"^(?:hi|hello|hey|hiya|yo|sup|thank(?:s|\syou)(?:\sa\slot|\sso\smuch)?|thx|ty|good\s(?:morning|"
        r"afternoon|evening|night)|how\sare\syou|how's\sit\sgoing|what's\sup|bye|goodbye|see\syou|"
        r"ok(?:ay)?|great|cool|nice|lol|awesome)(?:\s(?:there|again|coach|all|man|buddy))?\W*$",
    ),
    cue(
        "off_topic",
        0.8,
        "speaks of something else",
        r"\b(?:weather|stocks?|bitcoin|crypto|election|president|politics|movies?|songs?|poems?|jokes?|"
        r"python|javascript|source\scode|homework|capital\sof|translate|football\sscores?|lottery|"
        r"horoscope|tax(?:es)?|mortgage|flights?|hotels?)\b",
    ),
    cue("coach_question", 0.45, "asks", _ASKS, r"^(?:how\sare\syou|how's|what's\sup)\b"),
    cue(
        "coach_question",
        0.35,
        "speaks of training",
        rf"\b(?:{_LIFT}|reps?|sets?|rest|warm[\s-]?up|technique|form|grip|tempo|cadence|zone\s2|vo2|"
        r"hypertrophy|strength|deload|rpe|failure|mobility|stretch\w*|recovery|soreness|doms|train\w*|"
        r"workouts?|exercises?|muscles?|cardio|run(?:ning)?)\b",
    ),
)
"""Cues with the weights of experience; the routes' own examples settle what they leave open."""

COACH_INTENTS = IntentClassifier(COACH_CUES, default="coach_question")
