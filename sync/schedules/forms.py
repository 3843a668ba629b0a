"""What is asked about a schedule."""

from django import forms

from sync.schedules.rules import LEAST_MINUTES, MOST_LATE_MINUTES, MOST_MINUTES


class ScheduleForm(forms.Form):
    """How often a mapping runs by itself, and when it is late."""

    every = forms.IntegerField(
        label="Every (minutes)",
        min_value=LEAST_MINUTES,
        max_value=MOST_MINUTES,
        help_text=f"{LEAST_MINUTES} to {MOST_MINUTES:,}. The next run moves with it.",
    )
    late_after = forms.IntegerField(
        label="Late after (minutes)",
        min_value=1,
        max_value=MOST_LATE_MINUTES,
        help_text="It is Late when its run has not begun, or not succeeded, so long past its time.",
    )
