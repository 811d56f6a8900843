"""What the lectures show and ask: live figures, still pictures, exercises, quizzes. The mathematics is in `aecore`."""
