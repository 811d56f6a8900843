"""What all figures share: traits and mime type (`base`), networks for the page (`quantize`), trained models, draws."""
