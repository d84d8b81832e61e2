"""Writers of answers: any OpenAI-compatible endpoint, or quoted passages without one."""
