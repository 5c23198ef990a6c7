"""Missing pixels, filled: by priors of a picture, judged by known pixels that were hidden."""
