"""Recipes that turn a History into scores, a room each; conf/model is their list."""
