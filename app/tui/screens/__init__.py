"""The screens: one .py and one .tcss each."""
