"""What a Space starts, and `make run`: the page on GRADIO_SERVER_NAME:GRADIO_SERVER_PORT."""

from styleplug.cli import main

if __name__ == "__main__":
    main(["app"])
