"""From web pages to ranked passages: fetching, extraction, chunking, embedding, retrieval."""
