"""Identity providers: who somebody is, on the word of Google or another OpenID provider."""
